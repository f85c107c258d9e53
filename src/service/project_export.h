/* project_export.h - clips of the open project out to a dataset format, as a job.
 *
 * The store hands over what counts at that moment; writing goes on in a worker while people
 * continue. Main thread. */
#pragma once
#include "service/em-project.h"
#include "formats/format.h"

G_BEGIN_DECLS

typedef struct {
  const EmFormat *format;
  EmExportOptions options; /* its strings stay valid until the answer */
  unsigned states;         /* bits 1 << EmState */
  int64_t clip;            /* 0: all clips of the project */
  const char *folder;      /* copied */
} EmExportPlan;

void em_project_export_async (EmProject *project, const EmExportPlan *plan,
                              GAsyncReadyCallback callback, gpointer data);
/* What was written. */
bool em_project_export_finish (GAsyncResult *result, EmExportReport *report, GError **error);

G_END_DECLS
