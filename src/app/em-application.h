/* em-application.h - the program: one engine for all windows, files from the command line.
 *
 *   earmark [--demo] [--model FILE] [FILE|FOLDER|PROJECT]
 *
 * Main thread. */
#pragma once
#include <adwaita.h>
#include "app/em-window.h"

#define EM_TYPE_APPLICATION (em_application_get_type ())
G_DECLARE_FINAL_TYPE (EmApplication, em_application, EM, APPLICATION, AdwApplication)

/* `flags` beyond those it needs itself: tests add G_APPLICATION_NON_UNIQUE. */
EmApplication *em_application_new (GApplicationFlags flags);
EmEngine *em_application_get_engine (EmApplication *self); /* (transfer none) */
