/* em-clip-row.h - one clip in the queue on the left. Rows are reused: bind and unbind. */
#pragma once
#include <adwaita.h>
#include "service/em-project.h"

#define EM_TYPE_CLIP_ROW (em_clip_row_get_type ())
G_DECLARE_FINAL_TYPE (EmClipRow, em_clip_row, EM, CLIP_ROW, AdwBin)

GtkWidget *em_clip_row_new (void);
void em_clip_row_bind (EmClipRow *self, EmProject *project, EmQueueItem *item);
void em_clip_row_unbind (EmClipRow *self);
