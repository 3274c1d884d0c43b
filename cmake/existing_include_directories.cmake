# Message packages from binary wheels export, on their <package>__rosidl_generator_py targets, the Python and NumPy
# include folders of the machine that built them; CMake refuses to link against a target that names a folder which
# does not exist. Call this after the find_package calls: on such targets it keeps the folders that exist and adds this
# machine's own. On a ROS 2 from system packages every folder exists, and the call changes nothing.
function(existing_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX "__rosidl_generator_py$")
  foreach(target IN LISTS targets)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    set(existing "")
    foreach(folder IN LISTS folders)
      if(folder MATCHES "^\\$<" OR EXISTS "${folder}")
        list(APPEND existing "${folder}")
      endif()
    endforeach()
    if(NOT existing STREQUAL folders)
      find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module NumPy)
      list(APPEND existing ${Python3_INCLUDE_DIRS} ${Python3_NumPy_INCLUDE_DIRS})
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${existing}")
    endif()
  endforeach()
endfunction()
