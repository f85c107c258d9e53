/* engine_jobs.c - loading, clicks, prefetch. */
#include "service/engine_jobs.h"
#include <string.h>

EmWorkNext
em_job_fail (EmWork *work, EmError *err)
{
  GError *error = NULL;

  if (em_work_is_cancelled (work))
    return EM_WORK_CANCELLED;
  em_engine_tell_failed (work, err->code, err->text);
  em_engine_take_error (err, &error);
  g_task_return_error (em_work_task (work), error);
  return EM_WORK_DONE;
}

EmDecoded *
em_decoded_from_answer (EmAnswer *answer, int64_t object, int frame)
{
  EmDecoded *d = em_decoded_new ();

  d->object = object;
  d->frame = frame;
  d->mask = answer->mask;
  d->iou = answer->iou;
  d->score = answer->score;
  *answer = (EmAnswer){ 0 };
  return d;
}

EmWorkNext
em_load_job_run (EmWork *work, gpointer data)
{
  EmLoadJob *job = data;
  GError *error = NULL;
  EmModelInfo *info = em_engine_core_load (job->core, job->path, job->device, &error);

  if (info)
    g_task_return_pointer (em_work_task (work), info, (GDestroyNotify) em_model_info_free);
  else {
    if (g_error_matches (error, EM_ERROR, EM_E_MEMORY)) /* of the new one; the old is still there */
      em_engine_tell_failed (work, error->code, error->message);
    g_task_return_error (em_work_task (work), error);
  }
  return EM_WORK_DONE;
}

void
em_load_job_free (gpointer data)
{
  EmLoadJob *job = data;

  g_free (job->path);
  g_free (job->device);
  g_free (job);
}

EmWorkNext
em_decode_job_run (EmWork *work, gpointer data)
{
  EmDecodeJob *job = data;
  int64_t start = g_get_monotonic_time ();
  EmError err = EM_ERROR_INIT;
  EmAnswer answer = { 0 };
  GError *error = NULL;
  EmOpenClip *clip = em_engine_core_enter (job->core, job->clip, work, &error);
  EmDecoded *decoded;
  bool is_done;

  if (!clip) {
    g_task_return_error (em_work_task (work), error);
    return EM_WORK_DONE;
  }
  em_predictor_set_text (clip->predictor, NULL, &err);
  is_done = em_predictor_decode (clip->predictor, job->frame, &job->set, &answer, &err);
  em_engine_core_leave (clip);
  if (!is_done)
    return em_job_fail (work, &err);
  decoded = em_decoded_from_answer (&answer, job->object, job->frame);
  decoded->seconds = (double) (g_get_monotonic_time () - start) / 1e6;
  g_task_return_pointer (em_work_task (work), decoded, (GDestroyNotify) em_decoded_unref);
  return EM_WORK_DONE;
}

void
em_decode_job_free (gpointer data)
{
  EmDecodeJob *job = data;

  em_rle_clear (&job->base);
  g_free (job);
}

EmWorkNext
em_embed_job_run (EmWork *work, gpointer data)
{
  EmEngineCore *core = data;
  g_autoptr (GError) error = NULL;
  EmError err = EM_ERROR_INIT;
  EmOpenClip *clip;
  guint id;
  int frame;

  if (!em_engine_core_take_wanted (core, &id, &frame))
    return EM_WORK_DONE;
  clip = em_engine_core_enter (core, id, work, &error);
  if (clip) { /* with caches of one answer looking ahead only pushes out what is in use */
    if (em_predictor_thrift (clip->predictor) < EM_THRIFT_SMALL
        && !em_predictor_embed (clip->predictor, frame, &err))
      g_debug ("frame %d was not prepared: %s", frame, err.text);
    em_engine_core_leave (clip);
  }
  return EM_WORK_AGAIN;
}

EmWorkNext
em_sweep_job_run (EmWork *work, gpointer data)
{
  em_engine_core_sweep (data);
  return EM_WORK_DONE;
}
