/* job_track.c - tracking, a frame a step.
 *
 * A span begins with an empty memory, is given its seeds, one a step, and then goes frame by frame.
 * Between steps clicks are answered by the same predictor, which keeps what tracking remembers out
 * of them. */
#include "service/engine_jobs.h"
#include "base/log.h"

static void
seed_clear (gpointer data)
{
  em_rle_clear (&((EmTrackSeed *) data)->mask);
}

static void
span_clear (gpointer data)
{
  g_free (((EmTrackSpan *) data)->objects);
}

EmTrackRequest *
em_track_request_new (void)
{
  EmTrackRequest *r = g_new0 (EmTrackRequest, 1);

  r->seeds = g_array_new (FALSE, FALSE, sizeof (EmTrackSeed));
  r->spans = g_array_new (FALSE, FALSE, sizeof (EmTrackSpan));
  g_array_set_clear_func (r->seeds, seed_clear);
  g_array_set_clear_func (r->spans, span_clear);
  return r;
}

void
em_track_request_free (EmTrackRequest *r)
{
  g_array_unref (r->seeds);
  g_array_unref (r->spans);
  g_free (r);
}

static void
add_seed (EmTrackRequest *r, int64_t object, int frame, const EmRle *mask, bool is_tracked)
{
  EmTrackSeed seed = { object, frame, em_rle_copy (mask), is_tracked };

  g_array_append_val (r->seeds, seed);
}

void
em_track_request_add_seed (EmTrackRequest *r, int64_t object, int frame, const EmRle *mask)
{
  add_seed (r, object, frame, mask, false);
}

void
em_track_request_add_memory (EmTrackRequest *r, int64_t object, int frame, const EmRle *mask)
{
  add_seed (r, object, frame, mask, true);
}

void
em_track_request_add_span (EmTrackRequest *r, int from, int to, int seed_first, int seed_last,
                           const int64_t *objects, int n_objects)
{
  EmTrackSpan span = { from, to, seed_first, seed_last, n_objects };

  span.objects = g_memdup2 (objects, (gsize) n_objects * sizeof *objects);
  g_array_append_val (r->spans, span);
}

void
em_track_job_free (gpointer data)
{
  EmTrackJob *job = data;

  em_track_request_free (job->request);
  g_clear_pointer (&job->seeds, g_array_unref);
  g_atomic_rc_box_release (job->n_done);
  g_free (job);
}

static EmTrackSpan *
span_of (EmTrackJob *job)
{
  return &g_array_index (job->request->spans, EmTrackSpan, job->span);
}

static EmTrackSeed *
seed_of (EmTrackJob *job, guint i)
{
  return &g_array_index (job->request->seeds, EmTrackSeed, i);
}

/* The predictor's name of an object: its place in the span, from 1; 0 if it is not in it. */
static int
place_of (const EmTrackSpan *span, int64_t object)
{
  for (int i = 0; i < span->n_objects; i++)
    if (span->objects[i] == object)
      return i + 1;
  return 0;
}

static int
by_frame (gconstpointer a, gconstpointer b, gpointer data)
{
  EmTrackJob *job = data;
  const EmTrackSeed *x = seed_of (job, *(const guint *) a), *y = seed_of (job, *(const guint *) b);

  return x->frame != y->frame
             ? (x->frame < y->frame ? -1 : 1)
             : place_of (span_of (job), x->object) - place_of (span_of (job), y->object);
}

/* How many seeds of the same object and kind lie between this one and the span. */
static int
nearer (EmTrackJob *job, const EmTrackSeed *s, int low, int high)
{
  int n = 0;

  for (guint i = 0; i < job->request->seeds->len; i++) {
    const EmTrackSeed *o = seed_of (job, i);
    if (o->object == s->object && o->is_tracked == s->is_tracked
        && (s->frame < low ? o->frame > s->frame && o->frame < low
                           : o->frame < s->frame && o->frame > high))
      n++;
  }
  return n;
}

/* The span's seeds by frame. Far ones are left out: the tracker attends to the nearest
 * few. */
static bool
choose_seeds (EmTrackJob *job, int n_frames, EmError *err)
{
  const EmTrackSpan *span = span_of (job);
  int low = MIN (span->from, span->to), high = MAX (span->from, span->to);
  int most = em_predictor_defaults ().max_cond_frames;
  g_autofree bool *has_seed = g_new0 (bool, span->n_objects + 1);

  if (low < 0 || high >= n_frames)
    return em_fail (err, EM_E_USAGE, "frames %d to %d are not all in the clip", low, high);
  g_array_set_size (job->seeds, 0);
  for (guint i = 0; i < job->request->seeds->len; i++) {
    const EmTrackSeed *s = seed_of (job, i);
    int place = place_of (span, s->object);
    bool is_outside = s->frame < low || s->frame > high;

    if (place == 0 || s->frame < span->seed_first || s->frame > span->seed_last)
      continue;
    if (is_outside && most > 0 && !s->is_tracked && nearer (job, s, low, high) >= most)
      continue;
    has_seed[place] |= !s->is_tracked;
    g_array_append_val (job->seeds, i);
  }
  g_array_sort_with_data (job->seeds, by_frame, job);
  for (int i = 1; i <= span->n_objects; i++)
    if (!has_seed[i])
      return em_fail (err, EM_E_USAGE, "object %" G_GINT64_FORMAT " has no mask to track from",
                      span->objects[i - 1]);
  return true;
}

typedef struct {
  EmTrackFn fn;
  gpointer data;
  EmTrackedFrame *frame;
  EmTrackProgress progress;
} News;

static gboolean
tell_cb (gpointer data)
{
  News *n = data;

  n->fn (n->frame, &n->progress, n->data);
  return G_SOURCE_REMOVE;
}

static void
news_free (gpointer data)
{
  News *n = data;

  em_tracked_frame_unref (n->frame);
  g_free (n);
}

static EmTrackProgress
measure (EmTrackJob *job)
{
  int done = g_atomic_int_add (job->n_done, 1) + 1, room = G_N_ELEMENTS (job->finished_us);
  int64_t now = g_get_monotonic_time ();
  int n = MIN (done - 1, room - 1);
  EmTrackProgress p = { .done = done, .total = job->total };

  job->finished_us[done % room] = now;
  if (n > 0) {
    int64_t took = MAX (now - job->finished_us[(done - n) % room], 1);
    p.fps = n * 1e6 / (double) took;
    p.eta = (p.total - p.done) / p.fps;
  }
  return p;
}

static void
tell (EmTrackJob *job, EmWork *work, int frame, EmAnswer *answers)
{
  const EmTrackSpan *span = span_of (job);
  EmTrackedFrame *f = em_tracked_frame_new (frame, span->n_objects);
  EmTrackProgress progress = measure (job);
  News *n;

  for (int i = 0; i < span->n_objects; i++)
    f->masks[i] = em_decoded_from_answer (
        &answers[i], span->objects[em_predictor_object (job->open->predictor, i) - 1], frame);
  if (!job->progress) {
    em_tracked_frame_unref (f);
    return;
  }
  n = g_new (News, 1);
  *n = (News){ job->progress, job->data, f, progress };
  em_work_tell (work, tell_cb, n, news_free);
}

/* The next piece of work; *is_over at the end of the last span. */
static bool
step (EmTrackJob *job, EmWork *work, bool *is_over, EmError *err)
{
  EmPredictor *p = job->open->predictor;
  EmTrackSpan *span;
  int frame, direction;

  *is_over = job->span >= (int) job->request->spans->len;
  if (*is_over)
    return true;
  span = span_of (job);
  direction = span->to < span->from ? -1 : 1;
  if (!job->seeds) {
    job->seeds = g_array_new (FALSE, FALSE, sizeof (guint));
    job->n_given = 0;
    em_predictor_reset (p);
    return choose_seeds (job, job->open->media->source.n_frames, err);
  }
  if (job->n_given < job->seeds->len) {
    const EmTrackSeed *s = seed_of (job, g_array_index (job->seeds, guint, job->n_given++));
    int place = place_of (span, s->object);
    return s->is_tracked ? em_predictor_remember (p, s->frame, place, &s->mask, err)
                         : em_predictor_add_mask (p, s->frame, place, &s->mask, NULL, err);
  }
  if (!job->is_stepping) {
    job->is_stepping = true;
    job->at = span->from;
    return em_predictor_propagate (p, span->from, span->to, direction, err);
  }

  g_autofree EmAnswer *answers = g_new0 (EmAnswer, span->n_objects);
  if (em_predictor_step (p, &frame, answers, err)) {
    tell (job, work, frame, answers);
    job->at = frame + direction;
    return true;
  }
  if (err->code == EM_E_INPUT && em_predictor_embed (p, job->at, &(EmError) EM_ERROR_INIT))
    return false; /* a seed's picture is broken, not this one */
  if (err->code == EM_E_INPUT && job->at != span->to) { /* a broken picture: go on behind it */
    em_log (EM_LOG_WARN, "tracking leaves out a frame: %s", err->text);
    *err = (EmError) EM_ERROR_INIT;
    job->total--;
    job->at += direction;
    return em_predictor_propagate (p, job->at, span->to, direction, err);
  }
  if (err->code != EM_OK && err->code != EM_E_INPUT)
    return false;
  *err = (EmError) EM_ERROR_INIT;
  job->is_stepping = false;
  job->span++;
  g_clear_pointer (&job->seeds, g_array_unref);
  return true;
}

static bool
begin (EmTrackJob *job, EmWork *work, GError **error)
{
  job->open = em_engine_core_enter (job->core, job->clip, work, error);
  if (!job->open)
    return false;
  job->model = em_engine_core_model (job->core);
  em_engine_core_keep (job->core, job->open, work);
  for (guint i = 0; i < job->request->spans->len; i++) {
    const EmTrackSpan *s = &g_array_index (job->request->spans, EmTrackSpan, i);
    job->total += ABS (s->to - s->from) + 1;
  }
  return true;
}

EmWorkNext
em_track_job_run (EmWork *work, gpointer data)
{
  EmTrackJob *job = data;
  EmError err = EM_ERROR_INIT;
  GError *error = NULL;
  bool is_over = false, is_good;

  if (!job->open && !begin (job, work, &error)) {
    g_task_return_error (em_work_task (work), error);
    return EM_WORK_DONE;
  }
  if (job->model != em_engine_core_model (job->core)) {
    g_task_return_new_error (em_work_task (work), EM_ERROR, EM_E_CANCELLED,
                             "another model was loaded");
    return EM_WORK_DONE;
  }
  em_engine_core_reenter (job->open, work);
  is_good = step (job, work, &is_over, &err);
  em_engine_core_leave (job->open);
  if (is_good && !is_over)
    return EM_WORK_AGAIN;
  em_predictor_reset (job->open->predictor);
  em_engine_core_keep (job->core, NULL, NULL);
  if (!is_good)
    return em_job_fail (work, &err);
  g_task_return_boolean (em_work_task (work), TRUE);
  return EM_WORK_DONE;
}
