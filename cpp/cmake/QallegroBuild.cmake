# How every target of the project is built, and how Python is asked where things are.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# scikit-build-core hands in the Python that it builds for; a plain build takes -DPython_EXECUTABLE or the first one.
if(QALLEGRO_PYTHON)
  find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
else()
  find_package(Python 3.11 COMPONENTS Interpreter)
endif()

# Sets `result` to what `code` prints in the build's Python, or to an empty string.
function(qallegro_ask_python result code)
  set(answer "")
  if(Python_EXECUTABLE)
    execute_process(COMMAND ${Python_EXECUTABLE} -c "${code}" OUTPUT_VARIABLE answer ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
  set(${result} "${answer}" PARENT_SCOPE)
endfunction()

# Sets `result` to the folder of the Python package `name` without importing it, or to an empty string.
function(qallegro_package_folder result name)
  qallegro_ask_python(answer "import importlib.util as u; print(u.find_spec('${name}').submodule_search_locations[0])")
  set(${result} "${answer}" PARENT_SCOPE)
endfunction()

# What QALLEGRO_SANITIZE asks for, as options of the compiler and the linker.
if(QALLEGRO_SANITIZE STREQUAL "thread")
  set(qallegro_sanitizers -fsanitize=thread)
elseif(QALLEGRO_SANITIZE STREQUAL "address" OR QALLEGRO_SANITIZE MATCHES "^(ON|TRUE|YES|1)$")
  set(qallegro_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(QALLEGRO_SANITIZE)
  message(FATAL_ERROR "QALLEGRO_SANITIZE must be OFF, address or thread, received ${QALLEGRO_SANITIZE}")
else()
  set(qallegro_sanitizers "")
endif()

function(qallegro_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra)
  if(qallegro_sanitizers)
    target_compile_options(${target} PRIVATE ${qallegro_sanitizers} -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE ${qallegro_sanitizers})
  endif()
endfunction()
