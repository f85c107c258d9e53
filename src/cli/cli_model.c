/* cli_model.c - the model and the clip that a command works with. */
#include "cli/cli_model.h"
#include <stdlib.h>
#include <string.h>
#include "media/gerror.h"
#include "service/demo.h"
#include "weights/library.h"

bool
em_cli_model_open (EmCliModel *m, const EmCliOptions *options, EmError *err)
{
  char *path = options->model ? em_library_find (options->model, err) : NULL;
  g_autofree char *backend
      = g_strconcat (options->device ? options->device : "auto", options->precision ? ":" : NULL,
                     options->precision, NULL);

  *m = (EmCliModel){ 0 };
  if (path)
    m->weights = em_weights_open (path, err);
  else if (!options->model)
    m->weights = em_demo_weights (err);
  free (path);
  if (m->weights)
    m->be = em_backend_open (backend, err);
  if (m->be)
    m->model = em_model_open (m->weights, m->be, options->size, err);
  return m->model != NULL;
}

void
em_cli_model_close (EmCliModel *m)
{
  em_model_close (m->model);
  em_backend_close (m->be);
  em_weights_close (m->weights);
}

bool
em_cli_clip_open (EmCliClip *clip, const EmCliModel *m, const char *path, double grid_phase,
                  EmError *err)
{
  EmPredictorOptions options = em_predictor_defaults ();
  g_autoptr (GError) error = NULL;

  *clip = (EmCliClip){ 0 };
  clip->media = em_media_source_open (path, grid_phase, NULL, &error);
  if (!clip->media)
    return em_fail (err, error->domain == EM_ERROR ? (EmStatus) error->code : EM_E_INPUT, "%s",
                    error->message);
  clip->predictor = em_predictor_open (m->model, &clip->media->source, &options, err);
  if (!clip->predictor)
    return false;
  em_predictor_set_cancel (clip->predictor, &em_cli_interrupted);
  return true;
}

void
em_cli_clip_close (EmCliClip *clip)
{
  em_predictor_close (clip->predictor);
  em_media_source_free (clip->media);
}
