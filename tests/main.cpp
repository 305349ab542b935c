// The test runner: Catch2's own main.
#ifdef RETORT_CATCH3
#include "tests/catch.h"
int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
#else
#define CATCH_CONFIG_MAIN
#include "tests/catch.h"
#endif
