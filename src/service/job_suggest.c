/* job_suggest.c - asking the sound, window by window.
 *
 * The fuser hears T grid points at once. What takes long, the image features of those T frames, is
 * computed one frame a step, so that a click waits for one image pass at most. */
#include "service/engine_jobs.h"

void
em_suggest_job_free (gpointer data)
{
  EmSuggestJob *job = data;

  g_clear_pointer (&job->all, g_ptr_array_unref);
  g_free (job->text);
  g_free (job);
}

typedef struct {
  EmSuggestFn fn;
  gpointer data;
  GPtrArray *suggestions;
  int done, total;
} News;

static gboolean
tell_cb (gpointer data)
{
  News *n = data;

  n->fn (n->suggestions, n->done, n->total, n->data);
  return G_SOURCE_REMOVE;
}

static void
news_free (gpointer data)
{
  News *n = data;

  g_ptr_array_unref (n->suggestions);
  g_free (n);
}

static EmSuggestion *
new_suggestion (const EmSuggestJob *job, const EmOpenClip *clip, int second)
{
  EmSuggestion *s = em_suggestion_new ();

  s->second = second;
  s->frame = clip->media->grid[second];
  s->rms = em_predictor_rms (clip->predictor, second);
  s->is_silent = !job->text && s->rms < job->floor;
  s->width = clip->media->source.width;
  s->height = clip->media->source.height;
  return s;
}

static void
set_answer (EmSuggestion *s, const EmAnswer *answer)
{
  int n = answer->side * answer->side;
  uint8_t *bytes = g_malloc ((gsize) n);

  for (int i = 0; i < n; i++)
    bytes[i] = em_logit_to_byte (answer->logits[i]);
  s->side = answer->side;
  s->iou = answer->iou;
  s->score = answer->score;
  s->logits = g_bytes_new_take (bytes, (gsize) n);
}

/* The seconds of `window` that were asked for. */
static void
asked_of (const EmSuggestJob *job, int window, int size, int *first, int *last)
{
  *first = MAX (job->first, window * size);
  *last = MIN (job->last, window * size + size - 1);
}

static void
tell (EmSuggestJob *job, EmWork *work, GPtrArray *suggestions)
{
  News *n;

  if (!job->progress)
    return;
  n = g_new (News, 1);
  *n = (News){ job->progress, job->data, g_ptr_array_ref (suggestions), job->next - job->first,
               job->last - job->first + 1 };
  em_work_tell (work, tell_cb, n, news_free);
}

/* Answers the window that `next` lies in. */
static bool
ask_window (EmSuggestJob *job, EmWork *work, EmOpenClip *clip, bool is_loud, EmError *err)
{
  int size = em_predictor_window_size (clip->predictor), window = job->next / size;
  int first, last, n = 0;
  g_autofree EmAnswer *answers = g_new0 (EmAnswer, size);
  g_autoptr (GPtrArray) told
      = g_ptr_array_new_with_free_func ((GDestroyNotify) em_suggestion_unref);

  asked_of (job, window, size, &first, &last);
  if (is_loud && !em_predictor_sound (clip->predictor, window, answers, &n, err))
    return false;
  for (int k = first; k <= last; k++) {
    EmSuggestion *s = new_suggestion (job, clip, k);
    int i = k - window * size;

    if (!s->is_silent && i < n)
      set_answer (s, &answers[i]);
    g_ptr_array_add (told, s);
    g_ptr_array_add (job->all, em_suggestion_ref (s));
  }
  for (int i = 0; i < n; i++)
    em_answer_clear (&answers[i]);
  job->next = last + 1;
  job->embedded = 0;
  tell (job, work, told);
  return true;
}

static bool
step (EmSuggestJob *job, EmWork *work, EmOpenClip *clip, EmError *err)
{
  int size = em_predictor_window_size (clip->predictor), window = job->next / size;
  int n = MIN (size, clip->media->n_grid - window * size), first, last;
  bool is_loud = job->text != NULL; /* a word may mean what is silent */

  asked_of (job, window, size, &first, &last);
  for (int k = first; k <= last; k++)
    is_loud |= em_predictor_rms (clip->predictor, k) >= job->floor;
  if (is_loud && job->embedded < n) {
    int frame = clip->media->grid[window * size + job->embedded++];
    return em_predictor_embed (clip->predictor, frame, err);
  }
  return ask_window (job, work, clip, is_loud, err);
}

static bool
begin (EmSuggestJob *job, EmOpenClip *clip, EmError *err)
{
  if (em_predictor_n_windows (clip->predictor) == 0)
    return em_fail (err, EM_E_USAGE, "%s",
                    clip->media->source.sound ? "this model does not hear"
                                              : "there is no sound in this clip");
  job->first = CLAMP (job->first, 0, clip->media->n_grid - 1);
  job->last = CLAMP (job->last, job->first, clip->media->n_grid - 1);
  job->next = job->first;
  job->all = g_ptr_array_new_with_free_func ((GDestroyNotify) em_suggestion_unref);
  job->is_begun = true;
  return true;
}

EmWorkNext
em_suggest_job_run (EmWork *work, gpointer data)
{
  EmSuggestJob *job = data;
  EmError err = EM_ERROR_INIT;
  GError *error = NULL;
  EmOpenClip *clip = em_engine_core_enter (job->core, job->clip, work, &error);
  bool is_good;

  if (!clip) {
    g_task_return_error (em_work_task (work), error);
    return EM_WORK_DONE;
  }
  is_good = em_predictor_set_text (clip->predictor, job->text, &err)
            && (job->is_begun || begin (job, clip, &err)) && step (job, work, clip, &err);
  em_engine_core_leave (clip);
  if (!is_good)
    return em_job_fail (work, &err);
  if (job->next <= job->last)
    return EM_WORK_AGAIN;
  g_task_return_pointer (em_work_task (work), g_steal_pointer (&job->all),
                         (GDestroyNotify) g_ptr_array_unref);
  return EM_WORK_DONE;
}
