/* em-window.h - the main window: one project, one open clip.
 *
 * Everything it can do is an action ("win.suggest", "win.undo" ...), which menus, buttons, keys and
 * tests use alike. Main thread. */
#pragma once
#include <adwaita.h>
#include "app/em-viewer.h"
#include "service/em-project.h"

#define EM_TYPE_WINDOW (em_window_get_type ())
G_DECLARE_FINAL_TYPE (EmWindow, em_window, EM, WINDOW, AdwApplicationWindow)

EmWindow *em_window_new (AdwApplication *application, EmEngine *engine);
void em_window_open_path (EmWindow *self, const char *path); /* clip, folder or project */
void em_window_open_demo (EmWindow *self);

/* What is open; NULL while nothing is (transfer none). */
EmProject *em_window_get_project (EmWindow *self);
EmClip *em_window_get_clip (EmWindow *self);
EmViewer *em_window_get_viewer (EmWindow *self);
