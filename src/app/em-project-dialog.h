/* em-project-dialog.h - a new project: clips, file, task, annotator.
 *
 * Emits "create" (const char *path, const char *media, const char *preset, const char *annotator)
 * and closes. */
#pragma once
#include <adwaita.h>

#define EM_TYPE_PROJECT_DIALOG (em_project_dialog_get_type ())
G_DECLARE_FINAL_TYPE (EmProjectDialog, em_project_dialog, EM, PROJECT_DIALOG, AdwWindow)

EmProjectDialog *em_project_dialog_new (GtkWindow *parent);
