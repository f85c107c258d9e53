/* selftest.cc - the simulator does what kernels rely on, and sees what they do wrong. */
#include "selftest.h"
#include <cmath>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined __SANITIZE_ADDRESS__
#define HAVE_ASAN 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif

void
passed (const char *name)
{
  printf ("ok %s\n", name);
  fflush (stdout);
}

void
dies (const char *name, const char *message, bool or_asan, void (*body) ())
{
  int ends[2], status;
  std::string said;
  char text[4096];

  EXPECT (!pipe (ends));
  pid_t child = fork ();
  EXPECT (child >= 0);
  if (!child) {
    struct rlimit none = { 0, 0 };

    setrlimit (RLIMIT_CORE, &none);
    dup2 (ends[1], 2);
    close (ends[0]);
    close (ends[1]);
    body ();
    cudaDeviceSynchronize ();
    _exit (0);
  }
  close (ends[1]);
  for (ssize_t n; (n = read (ends[0], text, sizeof text)) > 0;)
    said.append (text, (size_t) n);
  close (ends[0]);
  EXPECT (waitpid (child, &status, 0) == child);
  if (!status || (message && !(or_asan && HAVE_ASAN) && said.find (message) == said.npos)) {
    fprintf (stderr, "%s: %s, and said: %s\n", name, status ? "died" : "lived", said.c_str ());
    exit (1);
  }
  passed (name);
}

float
random_float ()
{
  static uint64_t state = 1;

  state = state * 6364136223846793005u + 1442695040888963407u;
  return (float) (int32_t) (state >> 32) * 0x1p-31f;
}

std::vector<float>
random_floats (size_t n)
{
  std::vector<float> v (n);

  for (float &x : v)
    x = random_float ();
  return v;
}

uint16_t
bf16_of (float x)
{
  return __bfloat16_as_ushort (__float2bfloat16_rn (x));
}

float
of_bf16 (uint16_t x)
{
  return __bfloat162float (__ushort_as_bfloat16 (x));
}

bool
near (float got, double wanted, double tolerance)
{
  return fabs (got - wanted) <= tolerance * (1 + fabs (wanted));
}

int
main ()
{
  test_threads ();
  test_tensor_cores ();
  test_memory ();
  test_streams ();
  test_libraries ();
  return 0;
}
