/* export.h - one export under way, as the writers of the single formats see it.
 *
 * em_export_path() makes the folders of a file and says where to write it; em_export_wrote() enters
 * it in the manifest. The first failure ends the export. */
#pragma once
#include "base/json.h"
#include "formats/format.h"

struct EmExport {
  const EmFormat *format;
  const EmExportOptions *options;
  const EmExportMedia *media;
  EmTracks *const *clips;
  int n_clips;
  EmExportReport report;
  char *root; /* the temporary folder */
  char *path; /* of the file being written */
  json_t *files, *skipped, *notes;
};

/* The full path of `relative`, whose folders are there when this returns; NULL on failure. Valid
 * until the next call. */
const char *em_export_path (EmExport *x, EmError *err, const char *relative, ...)
    __attribute__ ((format (printf, 3, 4)));
/* Enters the file last named by em_export_path. clip -1, frame -1: of no clip, of no frame. */
bool em_export_wrote (EmExport *x, int clip, int frame, EmError *err);

/* The three kinds of file most formats consist of: path, contents, entry. */
bool em_export_labels (EmExport *x, int clip, int frame, bool palette, const uint8_t *pixels,
                       const char *relative, EmError *err);
bool em_export_picture (EmExport *x, int clip, int frame, const char *relative, EmError *err);
bool em_export_text (EmExport *x, int clip, const char *text, const char *relative, EmError *err);
bool em_export_json (EmExport *x, const json_t *value, const char *relative, EmError *err);

/* `name` as one folder or file name: separators and a leading point become '_'. */
#define EM_EXPORT_NAME 200
const char *em_export_safe (const char *name, char out[EM_EXPORT_NAME]);

/* For the manifest. */
void em_export_skip (EmExport *x, int clip, const char *what, const char *reason, ...)
    __attribute__ ((format (printf, 4, 5)));
void em_export_note (EmExport *x, const char *key, json_t *value); /* takes `value` over */

/* Tells the watcher; EM_E_CANCELLED if it wants no more. */
bool em_export_done (EmExport *x, int n_clips, EmError *err);

/* The frames of a clip that the options ask for, rising; *n of them. The caller frees. */
int *em_export_frames (const EmExport *x, const EmTracks *clip, int *n);
/* Does the object sound in [start, end)? One without any interval in the whole clip sounds where it
 * has a mask on `frame`. */
bool em_export_sounds (const EmExport *x, const EmTracks *clip, const EmTrackObject *object,
                       int frame, int64_t start_ns, int64_t end_ns);
/* Draws the masks of `frame` into one layer of indices 1..n in list order, the first on top.
 * Adds what was covered to the report. */
void em_export_layer (EmExport *x, const EmTracks *clip, int frame, uint8_t *pixels);

extern const EmFormat em_format_avsbench_s4, em_format_avsbench_ms3, em_format_coco_rle,
    em_format_davis, em_format_png;
