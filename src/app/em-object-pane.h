/* em-object-pane.h - the list of objects and the details of the selected one, on the right. */
#pragma once
#include <adwaita.h>
#include "service/em-clip.h"

#define EM_TYPE_OBJECT_PANE (em_object_pane_get_type ())
G_DECLARE_FINAL_TYPE (EmObjectPane, em_object_pane, EM, OBJECT_PANE, AdwBin)

void em_object_pane_set_clip (EmObjectPane *self, EmClip *clip);
/* Names of the project's classes, last used first. */
void em_object_pane_set_classes (EmObjectPane *self, const char *const *names);
void em_object_pane_edit_name (EmObjectPane *self);
void em_object_pane_edit_class (EmObjectPane *self);
