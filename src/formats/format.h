/* format.h - dataset formats: what can be written, what can be read back.
 *
 * An export takes clips as EmTracks (only the masks that shall go out are in them) and leaves a
 * folder: everything is written beside the target and renamed at the end, so nothing half-written
 * ever has its name. manifest.json in it tells what each file is: digest, clip, frame, time, and
 * what was skipped and why. Pictures and sound are written by callbacks, because only the media
 * layer can make them. Any thread; nothing is kept between calls. */
#pragma once
#include <stdint.h>
#include "base/error.h"
#include "base/tracks.h"

typedef enum {
  EM_FRAMES_GRID,      /* one a second, as the model is asked */
  EM_FRAMES_ANNOTATED, /* frames on which at least one object has a mask */
  EM_FRAMES_ALL,
} EmFrameSet;

typedef struct {
  EmFrameSet frames;
  const char *split;        /* "train", "val", "test" */
  double grid_phase;        /* seconds; the frame of second k is on screen at k + phase */
  double sounding_share;    /* an object sounds in a second if it does for this share of it: 0.5 */
  bool with_frames;         /* pictures beside the masks */
  bool with_audio;          /* the sound of each clip */
  const char *tool;         /* "earmark 0.1.0", for the manifest */
  const char *model_digest; /* or NULL */
} EmExportOptions;
EmExportOptions em_export_defaults (void);

/* `clip` is the index in the list handed to em_export. Each writes one file, the kind told by the
 * suffix (.png, .jpg; .wav is 16 kHz, 16 bit, two channels). */
typedef struct {
  void *self;
  bool (*save_picture) (void *self, int clip, int frame, const char *path, EmError *err);
  bool (*save_sound) (void *self, int clip, int64_t start_ns, int64_t end_ns, const char *path,
                      EmError *err);
  /* After each clip; false cancels. NULL: nobody watches. */
  bool (*progress) (void *self, int done, int total);
} EmExportMedia;

typedef struct {
  int n_clips, n_files, n_masks, n_skipped;
  int64_t overlap_pixels; /* decided by the order of objects where a format has one layer */
} EmExportReport;

typedef struct EmExport EmExport;

typedef struct {
  const char *name;  /* "coco-rle" */
  const char *title; /* for people */
  const char *keeps, *loses;
  EmFrameSet frames; /* the usual choice */
  bool only_frames;  /* and the only one: the options' choice does not count */
  bool (*write) (EmExport *x, EmError *err);
  /* The clips found below `path`; the caller frees each and the array. NULL: cannot be read. */
  bool (*read) (const char *path, EmTracks ***clips, int *n, EmError *err);
} EmFormat;

const EmFormat *em_formats (int *n);
const EmFormat *em_format_find (const char *name); /* NULL if there is none */

/* EM_E_INPUT with one line if `folder` is there and not empty or cannot be made, if a mask does not
 * fit its clip, or if the clips cannot be held by the format; nothing is left behind then. *report
 * may be NULL. */
bool em_export (const EmFormat *format, EmTracks *const *clips, int n_clips,
                const EmExportOptions *options, const EmExportMedia *media, const char *folder,
                EmExportReport *report, EmError *err);
