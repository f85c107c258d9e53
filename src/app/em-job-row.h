/* em-job-row.h - one running job in the list under the header's indicator. */
#pragma once
#include <gtk/gtk.h>
#include "service/em-job.h"

#define EM_TYPE_JOB_ROW (em_job_row_get_type ())
G_DECLARE_FINAL_TYPE (EmJobRow, em_job_row, EM, JOB_ROW, GtkListBoxRow)

GtkWidget *em_job_row_new (EmJob *job);
