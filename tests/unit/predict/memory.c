/* What happens when memory is out: a device that has only so much, or whose n-th allocation fails.
 */
#include <string.h>
#include "check.h"
#include "predict/predictor_private.h"
#include "tiny.h"

#define FRAMES  8
#define OBJECTS 2
#define MAP     (32 * 32) /* logits of an answer */

static Tiny tiny;
static TinyClip clip;

/* A device in front of the CPU's memory: `most` bytes in all, and the call number `fails_at` (-1:
 * none) is refused. */
static struct {
  void *(*alloc) (EmBackend *be, size_t bytes);
  void (*free) (EmBackend *be, void *memory, size_t bytes);
  size_t used, peak, most, scratch;
  int n_calls, fails_at;
} device;

static bool
granted (size_t bytes)
{
  if (device.n_calls++ == device.fails_at || device.used + bytes > device.most)
    return false;
  device.used += bytes;
  device.peak = device.used > device.peak ? device.used : device.peak;
  return true;
}

static void *
limited_alloc (EmBackend *be, size_t bytes)
{
  return granted (bytes) ? device.alloc (be, bytes) : NULL;
}

static void
limited_free (EmBackend *be, void *memory, size_t bytes)
{
  device.used -= bytes;
  device.free (be, memory, bytes);
}

/* Of one context at a time. */
static bool
limited_commit (EmBackend *be, void *memory, size_t bytes)
{
  if (!granted (bytes - device.scratch))
    return false;
  device.scratch = bytes;
  return true;
}

static void
limited_unreserve (EmBackend *be, void *memory, size_t bytes)
{
  device.used -= device.scratch;
  device.scratch = 0;
  device.free (be, memory, bytes);
}

static void
open_device (void)
{
  EmBackend *be;

  tiny_open (&tiny, (TinyKind){ .seen_at = 128 });
  tiny_clip_open (&clip, FRAMES, 2);
  be = tiny.be;
  device.alloc = be->alloc;
  device.free = be->free;
  device.most = (size_t) 1 << 40;
  device.fails_at = -1;
  be->alloc = limited_alloc;
  be->free = limited_free;
  be->commit = limited_commit;
  be->unreserve = limited_unreserve;
}

typedef struct {
  int n;
  float logits[2 + FRAMES * OBJECTS][MAP];
  EmThrift thrift;
} Work;

static void
keep (Work *w, EmAnswer *a)
{
  memcpy (w->logits[w->n++], a->logits, sizeof w->logits[0]);
  em_answer_clear (a);
}

/* A bit of everything. False with *err. */
static bool
work (Work *w, EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();
  EmPromptSet click = { .n = 1, .items = { tiny_point (12, 9, true) } };
  EmAnswer answers[OBJECTS], heard[TINY_T];
  EmPredictor *p = em_predictor_open (tiny.model, &clip.source, &options, err);
  bool good = p != NULL;
  int frame, n;

  w->n = 0;
  for (int f = 0; good && f < FRAMES; f++)
    good = em_predictor_embed (p, f, err);
  if (good && (good = em_predictor_decode (p, 3, &click, &answers[0], err)))
    keep (w, &answers[0]);
  if (good && (good = em_predictor_sound (p, 0, heard, &n, err)))
    for (int i = 0; i < n; i++)
      i ? em_answer_clear (&heard[i]) : keep (w, &heard[i]);
  for (int i = 1; good && i <= OBJECTS; i++)
    good = em_predictor_add_points (p, 0, i, (float[]){ 8.0f * i, 12 }, (int[]){ 1 }, 1, NULL, true,
                                    NULL, err);
  good = good && em_predictor_propagate (p, 0, FRAMES - 1, 1, err);
  while (good && em_predictor_step (p, &frame, answers, err))
    for (int i = 0; i < OBJECTS; i++)
      keep (w, &answers[i]);
  w->thrift = p ? em_predictor_thrift (p) : EM_THRIFT_NONE;
  em_predictor_close (p);
  return err->code == EM_OK;
}

static bool
same (const Work *a, const Work *b)
{
  return a->n == b->n && memcmp (a->logits, b->logits, sizeof a->logits[0] * (size_t) a->n) == 0;
}

/* Down from what is enough for everything: answers stay the same, step after step is taken, and in
 * the end there is one line. */
static void
less_and_less (void)
{
  static Work plenty, less;
  EmError err = EM_ERROR_INIT;
  bool seen[EM_THRIFT_LEAST + 1] = { false }, worked = true;
  size_t before = device.used, step;

  device.peak = 0;
  CHECK (work (&plenty, &err) && plenty.thrift == EM_THRIFT_NONE);
  CHECK_INT (plenty.n, 2 + FRAMES * OBJECTS);
  CHECK (device.used == before);
  step = (device.peak - before) / 24;
  for (device.most = device.peak; worked && device.most > before; device.most -= step) {
    worked = work (&less, &err);
    CHECK (device.used == before);
    CHECK (!worked || same (&plenty, &less));
    if (worked)
      seen[less.thrift] = true;
  }
  CHECK_INT (err.code, EM_E_MEMORY);
  CHECK (strstr (err.text, "out of memory") && !strchr (err.text, '\n'));
  for (int i = 0; i <= EM_THRIFT_LEAST; i++)
    CHECK (seen[i]);
  device.most = (size_t) 1 << 40;
}

/* Whichever allocation fails: the work is done with one step less, or there is one line. */
static void
any_of_them_fails (void)
{
  static Work plenty, other;
  EmError none = EM_ERROR_INIT;
  size_t before = device.used;
  int calls;

  device.n_calls = 0;
  CHECK (work (&plenty, &none));
  calls = device.n_calls;
  CHECK (calls > 10);
  for (int i = 0; i < calls; i++) {
    EmError err = EM_ERROR_INIT;

    device.n_calls = 0;
    device.fails_at = i;
    if (work (&other, &err))
      CHECK (same (&plenty, &other) && other.thrift == EM_THRIFT_DROPPED);
    else
      CHECK (err.code == EM_E_MEMORY && *err.text);
    CHECK (device.used == before);
  }
  device.fails_at = -1;
}

typedef struct {
  atomic_bool cancel;
  int n, at; /* products so far; the one after which it is cancelled */
} Stop;

static void
count_product (void *self, int64_t m, int64_t n, int64_t k, bool tb, int64_t count)
{
  Stop *s = self;

  if (s->n++ == s->at)
    atomic_store (&s->cancel, true);
}

/* A click, a heard window and a tracked frame, one after the other until one is stopped. */
static bool
go (EmPredictor *p, EmError *err)
{
  EmPromptSet click = { .n = 1, .items = { tiny_point (12, 9, true) } };
  EmAnswer a[TINY_T];
  int frame, n;

  if (!em_predictor_decode (p, 0, &click, a, err))
    return false;
  em_answer_clear (a);
  if (!em_predictor_sound (p, 0, a, &n, err))
    return false;
  for (int i = 0; i < n; i++)
    em_answer_clear (&a[i]);
  if (!em_predictor_add_points (p, 0, 1, (float[]){ 8, 12 }, (int[]){ 1 }, 1, NULL, true, NULL, err)
      || !em_predictor_propagate (p, 0, 1, 1, err))
    return false;
  for (int i = 0; i < 2; i++) {
    if (!em_predictor_step (p, &frame, a, err))
      return false;
    em_answer_clear (a);
  }
  return true;
}

/* Whichever product is the last one done: the rest of the pass falls through, and the same
 * predictor then goes to the end. */
static void
stopped_anywhere (void)
{
  EmPredictorOptions options = em_predictor_defaults ();
  int products = 1;

  for (int i = -1; i < products; i++) {
    EmError err = EM_ERROR_INIT;
    EmPredictor *p = em_predictor_open (tiny.model, &clip.source, &options, &err);
    Stop stop = { .at = i };

    em_predictor_set_cancel (p, &stop.cancel);
    em_predictor_set_product (p, count_product, &stop);
    if (i < 0) {
      CHECK (go (p, &err));
      products = stop.n;
    } else if (!go (p, &err)) { /* the last product of all stops nothing */
      CHECK_INT (err.code, EM_E_CANCELLED);
      atomic_store (&stop.cancel, false);
      err = (EmError) EM_ERROR_INIT;
      CHECK (go (p, &err));
    }
    CHECK_TEXT (err.text, "");
    em_predictor_close (p);
  }
  CHECK (products > 200);
}

/* Loading a model, too. */
static void
loading_fails (void)
{
  int calls;
  EmError err = EM_ERROR_INIT;
  EmModel *m;

  device.n_calls = 0;
  m = em_model_open (tiny.weights, tiny.be, 0, &err);
  CHECK (m != NULL);
  em_model_close (m);
  calls = device.n_calls;
  CHECK (calls > 0);
  for (int i = 0; i < calls; i++) {
    device.n_calls = 0;
    device.fails_at = i;
    err = (EmError) EM_ERROR_INIT;
    CHECK (!em_model_open (tiny.weights, tiny.be, 0, &err));
    CHECK_INT (err.code, EM_E_MEMORY);
  }
  device.fails_at = -1;
}

static void
end (void)
{
  tiny_clip_close (&clip);
  tiny_close (&tiny);
}

CHECK_MAIN (open_device, less_and_less, any_of_them_fails, stopped_anywhere, loading_fails, end)
