/* em-job.h - something long that is being done, as the job list shows it.
 *
 * Whoever starts the work makes the job, puts it into the project's list, reports to it and takes
 * it out at the end. Main thread. */
#pragma once
#include <gio/gio.h>

G_BEGIN_DECLS

#define EM_TYPE_JOB (em_job_get_type ())
G_DECLARE_FINAL_TYPE (EmJob, em_job, EM, JOB, GObject)

/* Properties, with notify: "title", "detail" ("frame 212 of 900, 4.1 frames/s, 2 min left"),
 * "fraction" (0..1, negative: unknown). */
EmJob *em_job_new (const char *title);
void em_job_report (EmJob *self, int done, int total, double per_second, double eta,
                    const char *unit);
const char *em_job_get_title (EmJob *self);
const char *em_job_get_detail (EmJob *self);
double em_job_get_fraction (EmJob *self);
GCancellable *em_job_get_cancellable (EmJob *self); /* (transfer none) */
void em_job_cancel (EmJob *self);

G_END_DECLS
