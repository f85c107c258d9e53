/* em-export-dialog.h - what to export, how, and where to. */
#pragma once
#include <adwaita.h>
#include "service/em-project.h"

#define EM_TYPE_EXPORT_DIALOG (em_export_dialog_get_type ())
G_DECLARE_FINAL_TYPE (EmExportDialog, em_export_dialog, EM, EXPORT_DIALOG, AdwWindow)

/* `clip` NULL: the whole project alone is offered. Emits "done" (const char *text, const char
 * *folder or NULL) when the job it started has ended, also after it was closed. */
EmExportDialog *em_export_dialog_new (GtkWindow *parent, EmProject *project, EmClip *clip);
/* As the widgets would: for those who drive the window. */
void em_export_dialog_set (EmExportDialog *self, const char *format, const char *folder,
                           gboolean with_propagated);
void em_export_dialog_start (EmExportDialog *self);
