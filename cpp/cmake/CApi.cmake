# libqallegro: the C interface for other programs, with its header, CMake package and pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

file(STRINGS ${PROJECT_SOURCE_DIR}/cpp/include/qallegro.h version_lines REGEX "#define QALLEGRO_API_(MAJOR|MINOR) ")
string(REGEX MATCHALL "[0-9]+" api_version "${version_lines}")
list(GET api_version 0 api_major)
list(JOIN api_version "." api_version)

add_library(qallegro SHARED ${PROJECT_SOURCE_DIR}/cpp/src/c_api.cpp)
add_library(qallegro::qallegro ALIAS qallegro)
set_target_properties(qallegro PROPERTIES VERSION ${api_version} SOVERSION ${api_major})
target_include_directories(qallegro PRIVATE ${PROJECT_SOURCE_DIR}/cpp/src
  PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_definitions(qallegro PRIVATE QALLEGRO_VERSION="${PROJECT_VERSION}")
target_link_libraries(qallegro PRIVATE qallegro_core)
qallegro_compile_options(qallegro)
# The names of C++ stay inside, also those of the standard library's templates. An engine's threads cannot be unloaded, so the
# library stays in memory once a process has opened it.
target_link_options(qallegro PRIVATE -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/qallegro.map -Wl,-z,nodelete)
set_target_properties(qallegro PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/qallegro.map)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/qallegro)
set(pkgconfig_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/qallegroConfig.cmake.in qallegroConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(qallegroConfigVersion.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH prefix_from_pkgconfig /prefix/${pkgconfig_folder} /prefix)
configure_file(${CMAKE_CURRENT_LIST_DIR}/qallegro.pc.in qallegro.pc @ONLY)

install(TARGETS qallegro EXPORT qallegroTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/cpp/include/qallegro.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT qallegroTargets NAMESPACE qallegro:: DESTINATION ${package_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/qallegroConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/qallegroConfigVersion.cmake
  DESTINATION ${package_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/qallegro.pc DESTINATION ${pkgconfig_folder})
# Where libqallegro looks for the engines that need torch.
if(TARGET qallegro_torch)
  install(TARGETS qallegro_torch LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
