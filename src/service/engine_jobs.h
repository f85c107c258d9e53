/* engine_jobs.h - what the engine can be asked, as work for its thread. Internal to service. */
#pragma once
#include "service/em-engine.h"
#include "service/engine_core.h"

/* Smaller goes first. */
enum {
  EM_RANK_MODEL,
  EM_RANK_CLICK,
  EM_RANK_PREVIEW,
  EM_RANK_ASK, /* the sound of one second */
  EM_RANK_TRACK,
  EM_RANK_ASK_ALL,
  EM_RANK_EMBED,
};

typedef struct {
  EmEngineCore *core;
  char *path, *device;
} EmLoadJob;
EmWorkNext em_load_job_run (EmWork *work, gpointer job);
void em_load_job_free (gpointer job);

typedef struct {
  EmEngineCore *core;
  guint clip;
  int64_t object;
  int frame;
  EmPromptSet set;
  EmRle base; /* what set.base points to */
} EmDecodeJob;
EmWorkNext em_decode_job_run (EmWork *work, gpointer job);
void em_decode_job_free (gpointer job);

typedef struct {
  EmEngineCore *core;
  guint clip;
  int first, last; /* seconds asked for */
  double floor;
  char *text; /* NULL: none */
  EmSuggestFn progress;
  gpointer data;
  /* The engine's thread only. */
  bool is_begun;
  int next;     /* second whose window is next */
  int embedded; /* grid points of that window whose features are there */
  GPtrArray *all;
} EmSuggestJob;
EmWorkNext em_suggest_job_run (EmWork *work, gpointer job);
void em_suggest_job_free (gpointer job);

typedef struct {
  EmEngineCore *core;
  guint clip;
  EmTrackRequest *request;
  EmTrackFn progress;
  gpointer data;
  gint *n_done; /* frames told of, atomic; a counted box shared with the task */
  /* The engine's thread only. */
  EmOpenClip *open;
  guint model;
  int span, total;
  GArray *seeds; /* of the span: indices into request->seeds */
  guint n_given;
  bool is_stepping;
  int at;                  /* the frame that is next */
  int64_t finished_us[21]; /* when the last frames were done, as a ring */
} EmTrackJob;
EmWorkNext em_track_job_run (EmWork *work, gpointer job);
void em_track_job_free (gpointer job);

EmWorkNext em_embed_job_run (EmWork *work, gpointer core);
EmWorkNext em_sweep_job_run (EmWork *work, gpointer core);

/* An answer's mask and figures; takes the mask. */
EmDecoded *em_decoded_from_answer (EmAnswer *answer, int64_t object, int frame);
/* Ends work whose predictor failed: with its error, or cancelled if that is why. */
EmWorkNext em_job_fail (EmWork *work, EmError *err);
