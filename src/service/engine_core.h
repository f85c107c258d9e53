/* engine_core.h - what lives on the engine's thread: backend, model, predictors.
 *
 * Which clips there are is said from any thread; everything that computes belongs to the engine's.
 * Internal to service. */
#pragma once
#include "service/clip_source.h"
#include "service/em-worker.h"
#include "service/results.h"

typedef struct EmEngineCore EmEngineCore;

/* A predictor and what it looks at. */
typedef struct {
  guint id, revision; /* of the clip */
  guint64 used;
  EmMediaSource *media;
  EmPredictor *predictor;
  EmWork *work;    /* that is in it */
  EmThrift thrift; /* that the engine was told of */
} EmOpenClip;

/* What is worth telling about a model. */
typedef struct {
  char *name, *digest, *device;
  int window; /* 0: it does not hear */
  bool reads;
} EmModelInfo;
void em_model_info_free (EmModelInfo *info);

EmEngineCore *em_engine_core_new (void);
void em_engine_core_free (EmEngineCore *core); /* after em_engine_core_close */

/* Any thread. */
void em_engine_core_set_clip (EmEngineCore *core, guint id, EmFrameIndex *index, const char *path,
                              EmAudio *audio, double phase);
bool em_engine_core_change_clip (EmEngineCore *core, guint id, EmAudio *audio, double phase);
void em_engine_core_forget_clip (EmEngineCore *core, guint id);
/* Frames to embed, newest first. */
void em_engine_core_want (EmEngineCore *core, guint id, int frame);
bool em_engine_core_take_wanted (EmEngineCore *core, guint *id, int *frame);
void em_engine_core_want_none (EmEngineCore *core, guint id); /* 0: of no clip */

/* The engine's thread. */
void em_engine_core_close (EmEngineCore *core);
EmModelInfo *em_engine_core_load (EmEngineCore *core, const char *path, const char *device,
                                  GError **error);
guint em_engine_core_model (EmEngineCore *core); /* grows with every model; 0: none */
/* The clip's predictor, made if need be, with `work`'s flag to poll until em_engine_core_leave.
 * EM_E_WEIGHTS without a model, EM_E_CANCELLED for a clip that was closed. */
EmOpenClip *em_engine_core_enter (EmEngineCore *core, guint id, EmWork *work, GError **error);
void em_engine_core_reenter (EmOpenClip *clip, EmWork *work);
void em_engine_core_leave (EmOpenClip *clip); /* tells the engine what it did without */
/* `clip` stays open until `work` is cancelled or NULL is kept instead. */
void em_engine_core_keep (EmEngineCore *core, EmOpenClip *clip, EmWork *work);
/* Closes predictors of clips that are not known any more. */
void em_engine_core_sweep (EmEngineCore *core);

/* To the engine that asked for `work`, on its thread: a predictor took a step down, and what a
 * frame asks of it; a job failed, which is said on if the device is to blame. */
void em_engine_tell_thrift (EmWork *work, EmThrift thrift, double flop_per_frame);
void em_engine_tell_failed (EmWork *work, int status, const char *text);
