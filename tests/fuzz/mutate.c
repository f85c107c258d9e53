/* mutate.c - a fuzzer without a compiler's help: the target's seeds, changed at random, again and
 * again from the same numbers.
 *
 * usage: mutate-TARGET [ROUNDS [SEED]], mutate-TARGET --corpus DIR (writes the seeds there), or
 * mutate-TARGET FILE (runs one input). Before a round its input is remembered: a target that dies
 * leaves it in ./crash-TARGET. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fuzz.h"

#define MAX_SEEDS 8

static uint64_t state;
static uint8_t seeds[MAX_SEEDS][FUZZ_ROOM];
static size_t seed_length[MAX_SEEDS];
static uint8_t bytes[FUZZ_ROOM];
static size_t n_bytes;
static char crash_path[256];

static uint32_t
draw (uint32_t n) /* 0..n-1 */
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t) ((state >> 33) % n);
}

/* Only what a signal handler may do. */
static void
save_input (void)
{
  int fd = creat (crash_path, 0644);

  if (fd >= 0 && write (fd, bytes, n_bytes) == (ssize_t) n_bytes)
    close (fd);
}

static void
die (int sig)
{
  save_input ();
  signal (sig, SIG_DFL);
  raise (sig);
}

/* There where a sanitizer is linked in; its reports end the program without a signal. */
void __sanitizer_set_death_callback (void (*callback) (void)) __attribute__ ((weak));

static void
replace (size_t at, size_t remove, const void *insert, size_t n)
{
  if (remove > n_bytes - at)
    remove = n_bytes - at;
  if (n_bytes - remove + n > FUZZ_ROOM)
    return;
  memmove (bytes + at + n, bytes + at + remove, n_bytes - at - remove);
  memcpy (bytes + at, insert, n);
  n_bytes += n - remove;
}

/* A number written in digits becomes one that readers get wrong. */
static void
change_number (void)
{
  static const char *const wild[] = { "0",
                                      "-1",
                                      "1",
                                      "7",
                                      "255",
                                      "65536",
                                      "2147483648",
                                      "4294967295",
                                      "4294967296",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "18446744073709551616",
                                      "1e400",
                                      "0.5",
                                      "null",
                                      "\"8\"",
                                      "[]" };
  size_t at = draw ((uint32_t) n_bytes), end;
  const char *text = wild[draw (sizeof wild / sizeof *wild)];

  while (at < n_bytes && (bytes[at] < '0' || bytes[at] > '9'))
    at++;
  for (end = at; end < n_bytes && bytes[end] >= '0' && bytes[end] <= '9';)
    end++;
  if (end > at)
    replace (at, end - at, text, strlen (text));
}

static void
mutate_once (void)
{
  size_t at = n_bytes ? draw ((uint32_t) n_bytes) : 0, other, length;
  uint8_t piece[64];

  switch (n_bytes ? draw (8) : 4) {
  case 0:
    bytes[at] ^= (uint8_t) (1u << draw (8));
    break;
  case 1:
    bytes[at] = (uint8_t[]){ 0, 1, 0x7f, 0x80, 0xff, '"', '{', ']' }[draw (8)];
    break;
  case 2:
    replace (at, 1 + draw (16), "", 0);
    break;
  case 3: /* a copy of some other place */
    other = draw ((uint32_t) n_bytes);
    length = 1 + draw (sizeof piece - 1);
    if (length > n_bytes - other)
      length = n_bytes - other;
    memcpy (piece, bytes + other, length);
    replace (at, draw (2) ? length : 0, piece, length);
    break;
  case 4:
    piece[0] = (uint8_t) draw (256);
    replace (at, 0, piece, 1);
    break;
  case 5: /* a wide integer, as in headers */
    memset (piece, draw (2) ? 0xff : 0, 8);
    piece[draw (8)] = (uint8_t) draw (256);
    replace (at, 8, piece, draw (2) ? 4 : 8);
    break;
  case 6:
    n_bytes = at;
    break;
  default:
    change_number ();
  }
}

/* The target gets an exact copy, so that a sanitizer sees one byte too many. */
static void
run (void)
{
  uint8_t *copy = malloc (n_bytes ? n_bytes : 1);

  memcpy (copy, bytes, n_bytes);
  LLVMFuzzerTestOneInput (copy, n_bytes);
  free (copy);
}

static int
write_corpus (const char *dir)
{
  mkdir (dir, 0755);
  for (int i = 0; (n_bytes = fuzz_seed (i, bytes)) > 0; i++) {
    char path[512];

    snprintf (path, sizeof path, "%s/seed%d", dir, i);
    FILE *f = fopen (path, "wb");
    if (!f || fwrite (bytes, 1, n_bytes, f) != n_bytes || fclose (f) != 0) {
      perror (path);
      return 1;
    }
  }
  return 0;
}

static int
run_file (const char *path)
{
  FILE *f = fopen (path, "rb");

  if (!f) {
    perror (path);
    return 1;
  }
  n_bytes = fread (bytes, 1, sizeof bytes, f);
  fclose (f);
  run ();
  return 0;
}

int
main (int argc, char **argv)
{
  const char *slash = strrchr (argv[0], '/');
  long rounds = argc > 1 ? strtol (argv[1], NULL, 10) : 30000;
  int n_seeds = 0;

  if (argc > 2 && strcmp (argv[1], "--corpus") == 0)
    return write_corpus (argv[2]);
  if (argc == 2 && rounds == 0)
    return run_file (argv[1]);

  snprintf (crash_path, sizeof crash_path, "crash-%s", slash ? slash + 1 : argv[0]);
  signal (SIGABRT, die);
  signal (SIGSEGV, die);
  if (__sanitizer_set_death_callback)
    __sanitizer_set_death_callback (save_input);
  state = argc > 2 ? strtoull (argv[2], NULL, 10) : 1;
  for (; n_seeds < MAX_SEEDS && (n_bytes = fuzz_seed (n_seeds, bytes)) > 0; n_seeds++) {
    memcpy (seeds[n_seeds], bytes, n_bytes);
    seed_length[n_seeds] = n_bytes;
    run (); /* a seed as it is */
  }
  if (fuzz_n_accepted != (unsigned long) n_seeds || n_seeds == 0) {
    fprintf (stderr, "%lu of %d seeds are accepted\n", fuzz_n_accepted, n_seeds);
    return 1;
  }
  for (long i = 0; i < rounds; i++) {
    int seed = (int) draw ((uint32_t) n_seeds);

    n_bytes = seed_length[seed];
    memcpy (bytes, seeds[seed], n_bytes);
    for (uint32_t k = draw (2) ? 1 : 1 + draw (4); k > 0; k--)
      mutate_once ();
    fuzz_repair (bytes, n_bytes);
    run ();
  }
  printf ("%d seeds, %ld mutations, %lu of them accepted\n", n_seeds, rounds,
          fuzz_n_accepted - n_seeds);
  return 0;
}
