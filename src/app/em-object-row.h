/* em-object-row.h - one object in the list on the right. Binds to the object; keeps no state. */
#pragma once
#include <gtk/gtk.h>
#include "service/em-clip.h"

#define EM_TYPE_OBJECT_ROW (em_object_row_get_type ())
G_DECLARE_FINAL_TYPE (EmObjectRow, em_object_row, EM, OBJECT_ROW, GtkListBoxRow)

GtkWidget *em_object_row_new (EmClip *clip, EmObject *object);
EmObject *em_object_row_get_object (EmObjectRow *self);
/* The frame on screen changed: what the sound switch shows belongs to it. */
void em_object_row_update (EmObjectRow *self);
