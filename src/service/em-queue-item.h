/* em-queue-item.h - one clip in the queue: its row of the project and a small picture.
 *
 * Properties with notify: "name", "detail" (for people: length, frames, or why it cannot be
 * opened), "state" (EmClipState), "progress" (share of frames with a mask), "thumbnail" (GBytes),
 * "n-objects", "words" (what a search looks into: name and expressions). Only EmProject writes.
 * Main thread. */
#pragma once
#include <glib-object.h>
#include "store/db_clip.h"

G_BEGIN_DECLS

/* RGB rows without padding, EM_THUMB_WIDTH x EM_THUMB_HEIGHT. */
#define EM_THUMB_WIDTH  112
#define EM_THUMB_HEIGHT 63

#define EM_TYPE_QUEUE_ITEM (em_queue_item_get_type ())
G_DECLARE_FINAL_TYPE (EmQueueItem, em_queue_item, EM, QUEUE_ITEM, GObject)

EmQueueItem *em_queue_item_new (EmDbClip *row);                 /* takes over the row */
void em_queue_item_take_row (EmQueueItem *self, EmDbClip *row); /* likewise */
const EmDbClip *em_queue_item_row (EmQueueItem *self);
const char *em_queue_item_get_name (EmQueueItem *self);
const char *em_queue_item_get_detail (EmQueueItem *self);
double em_queue_item_get_progress (EmQueueItem *self);
GBytes *em_queue_item_get_thumbnail (EmQueueItem *self); /* NULL until it is made */
void em_queue_item_take_thumbnail (EmQueueItem *self, GBytes *rgb);

G_END_DECLS
