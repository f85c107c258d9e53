/* Weights that hold still: packed once, forgotten when their owner lets go. */
#include <sys/mman.h>
#include <unistd.h>
#include "base/rng.h"
#include "check.h"
#include "engine/backend.h"
#include "engine/ops.h"

#define ROWS 20
#define IN   33
#define OUT  70

static EmBackend *be;
static EmCtx *ctx;
static float x[ROWS * IN], y[ROWS * OUT];

static void
fill (float *to, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    to[i] = (float) (2 * em_rng_unit (em_rng_hash (name), 1, (uint64_t) i) - 1);
}

/* Largest distance of x w^T from what is computed here; of the last `n` outputs of OUT. */
static double
distance (float *w, int n)
{
  EmTensor input = em_tensor_f32 (x, ROWS, IN), weight = em_tensor_f32 (w, OUT, IN);
  EmTensor *part = em_rows_of (ctx, &weight, OUT - n, OUT);
  double most = 0;

  CHECK (em_download (ctx, y, em_linear (ctx, &input, part, NULL, EM_ACT_NONE, NULL)));
  CHECK (em_ctx_end_pass (ctx, NULL));
  for (int r = 0; r < ROWS; r++)
    for (int o = 0; o < n; o++) {
      double sum = 0;

      for (int i = 0; i < IN; i++)
        sum += (double) x[r * IN + i] * w[(OUT - n + o) * IN + i];
      most = fmax (most, fabs (y[r * n + o] - sum));
    }
  return most;
}

static void
a_form_is_kept_until_let_go (void)
{
  static float w[OUT * IN];

  fill (w, OUT * IN, "w");
  CHECK (distance (w, OUT) < 1e-5);
  be->hold (be, w, sizeof w, false);
  CHECK (distance (w, OUT) < 1e-5);
  CHECK (distance (w, OUT - 7) < 1e-5); /* other rows are another weight */
  CHECK (distance (w, 7) < 1e-5);
  fill (w, OUT * IN, "other"); /* the promise broken, to see what is read */
  CHECK (distance (w, OUT) > 0.1);
  be->let_go (be, w, sizeof w);
  CHECK (distance (w, OUT) < 1e-5);
  be->hold (be, w, sizeof w, false);
  CHECK (distance (w, OUT) < 1e-5);
  be->let_go (be, w, sizeof w);
}

/* Pages of a file may leave once they are packed, and come back unchanged. */
static void
pages_of_a_file_come_back (void)
{
  char path[] = "/tmp/earmark-held-XXXXXX";
  size_t page = (size_t) sysconf (_SC_PAGESIZE), bytes = 4 * page;
  int fd = mkstemp (path);
  float *given = malloc (bytes), *w;

  CHECK (fd >= 0 && bytes >= sizeof (float) * OUT * IN);
  fill (given, (int) (bytes / sizeof *given), "file");
  CHECK (write (fd, given, bytes) == (ssize_t) bytes);
  w = mmap (NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  close (fd);
  unlink (path);
  be->hold (be, w, bytes, true);
  CHECK (distance (w, OUT) < 1e-5);
  CHECK (memcmp (w, given, bytes) == 0);
  CHECK (distance (w, OUT) < 1e-5);
  be->let_go (be, w, bytes);
  CHECK (distance (w, OUT) < 1e-5);
  munmap (w, bytes);
  free (given);
}

static void
with_the_plain_copy_too (void)
{
  EmError err = EM_ERROR_INIT;

  em_ctx_free (ctx);
  em_backend_close (be);
  be = em_backend_open ("cpu:baseline:own", &err);
  ctx = em_ctx_new (be, &err);
  a_form_is_kept_until_let_go ();
  em_ctx_free (ctx);
  em_backend_close (be);
}

static void
opened (void)
{
  EmError err = EM_ERROR_INIT;

  be = em_backend_open ("cpu", &err);
  ctx = em_ctx_new (be, &err);
  fill (x, ROWS * IN, "x");
}

CHECK_MAIN (opened, a_form_is_kept_until_let_go, pages_of_a_file_come_back, with_the_plain_copy_too)
