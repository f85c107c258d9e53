/* db_cell.h - writing cells and masks inside a step's transaction. Inside src/store only. */
#pragma once
#include "store/edit.h"

/* The clip's own numbers, read at the start of the transaction. */
typedef struct {
  int64_t id;
  int width, height, n_frames;
  int64_t head, floor, next_step, next_object, next_interval;
} EmClipNow;
bool em_clip_now (EmDb *db, int64_t clip, EmClipNow *out, GError **error);

/* What counts for one object on one frame right now. */
typedef struct {
  bool is_there;
  int64_t step, made;
  EmState state;
} EmCellNow;
bool em_cell_now (EmDb *db, int64_t clip, int64_t object, int frame, EmCellNow *out,
                  GError **error);

typedef struct {
  bool is_there, is_locked, is_deleted;
} EmObjectNow;
bool em_object_now (EmDb *db, int64_t clip, int64_t object, EmObjectNow *out, GError **error);

/* A mask made by `step`, in place of version `parent`. */
bool em_write_mask (EmDb *db, const EmClipNow *clip, int64_t step, int64_t object,
                    const EmCellRow *row, const EmRle *mask, int64_t parent, GError **error);
/* The cells of `e` as rows of `step`. With `spare`, those protected now, decided above the step or
 * in it already are left out. Objects named by placeholders must have their ids. */
bool em_write_cells (EmDb *db, const EmClipNow *clip, int64_t step, const EmEdit *e, bool spare,
                     int *written, GError **error);
