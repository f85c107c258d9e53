/* drive.h - the application inside a test program.
 *
 * Starts Earmark without a session of its own, waits for what a person would wait for, acts through
 * actions and gestures, and looks at pixels. A wait that takes too long ends the program with what
 * it was waiting for. */
#pragma once
#include "app/em-application.h"
#include <glib/gstdio.h>

/* Seconds that anything may take: machines are slow and shared. */
#define PATIENCE 120

EmApplication *drive_start (void);
/* A window that is on screen; its project and model come later. */
EmWindow *drive_window (EmApplication *app);
/* Closes windows, ends engine and threads. The object stays: only g_application_run() unregisters.
 */
void drive_stop (EmApplication *app);

#define WAIT(claim)                                                                                \
  do {                                                                                             \
    gint64 wait_end = g_get_monotonic_time () + PATIENCE * G_USEC_PER_SEC;                         \
    while (!(claim)) {                                                                             \
      if (g_get_monotonic_time () > wait_end)                                                      \
        g_error ("%s:%d: waited in vain for: %s", __FILE__, __LINE__, #claim);                     \
      drive_step ();                                                                               \
    }                                                                                              \
  } while (0)
void drive_step (void);                                /* lets the main loop do something */
void drive_pause (int ms);                             /* time passes */
void drive_act (EmWindow *window, const char *action); /* "win.suggest"; fails if it is disabled */
gboolean drive_can (EmWindow *window, const char *action);

/* Opens the demo (or `path`) and waits until it can be worked on, with a model. */
void drive_open (EmWindow *window, const char *path);
void drive_seek (EmWindow *window, int frame);
void drive_click (EmWindow *window, int button, double x, double y);
void drive_drag (EmWindow *window, double x0, double y0, double x1, double y1);
/* Nothing is being decoded, suggested or tracked, and everything is in the project. */
gboolean drive_is_idle (EmWindow *window);

/* What the window looks like, as RGBA bytes; and how many colours there are in a part of it. */
GdkTexture *drive_shot (GtkWidget *widget);
int drive_colors (GdkTexture *texture);

/* Controls in `widget` without a name that can be spoken, or off without saying why; each is told.
 */
int drive_unnamed (GtkWidget *widget);

/* What the project file itself says, through a connection of its own. */
EmDb *drive_db (EmWindow *window);
EmCell drive_cell (EmWindow *window, int64_t object, int frame); /* of the window's mirror */
