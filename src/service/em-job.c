/* em-job.c - one row of the job list. */
#include "service/em-job.h"
#include <glib/gi18n.h>

struct _EmJob {
  GObject parent_instance;
  char *title, *detail;
  double fraction;
  GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE (EmJob, em_job, G_TYPE_OBJECT)

enum { PROP_0, PROP_TITLE, PROP_DETAIL, PROP_FRACTION, N_PROPS };
static GParamSpec *props[N_PROPS];

static char *
time_left (double seconds)
{
  int s = (int) (seconds + 0.5);

  if (s < 90)
    return g_strdup_printf (_ ("%d s left"), MAX (s, 1));
  if (s < 90 * 60)
    return g_strdup_printf (_ ("%d min left"), (s + 30) / 60);
  return g_strdup_printf (_ ("%.1f h left"), s / 3600.0);
}

void
em_job_report (EmJob *self, int done, int total, double per_second, double eta, const char *unit)
{
  GString *text = g_string_new (NULL);

  if (total > 0)
    g_string_append_printf (text, _ ("%d of %d %s"), done, total, unit);
  if (per_second > 0)
    g_string_append_printf (text, ", %.1f/s", per_second);
  if (eta > 0 && done < total) {
    g_autofree char *left = time_left (eta);

    g_string_append_printf (text, ", %s", left);
  }
  g_free (self->detail);
  self->detail = g_string_free (text, FALSE);
  self->fraction = total > 0 ? (double) done / total : -1;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_DETAIL]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FRACTION]);
}

const char *
em_job_get_title (EmJob *self)
{
  return self->title;
}

const char *
em_job_get_detail (EmJob *self)
{
  return self->detail;
}

double
em_job_get_fraction (EmJob *self)
{
  return self->fraction;
}

GCancellable *
em_job_get_cancellable (EmJob *self)
{
  return self->cancellable;
}

void
em_job_cancel (EmJob *self)
{
  g_cancellable_cancel (self->cancellable);
}

static void
em_job_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  EmJob *self = EM_JOB (object);

  switch (id) {
  case PROP_TITLE:
    g_value_set_string (value, self->title);
    break;
  case PROP_DETAIL:
    g_value_set_string (value, self->detail);
    break;
  case PROP_FRACTION:
    g_value_set_double (value, self->fraction);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
em_job_finalize (GObject *object)
{
  EmJob *self = EM_JOB (object);

  g_free (self->title);
  g_free (self->detail);
  g_object_unref (self->cancellable);
  G_OBJECT_CLASS (em_job_parent_class)->finalize (object);
}

static void
em_job_class_init (EmJobClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags read = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = em_job_get_property;
  object_class->finalize = em_job_finalize;
  props[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, "", read);
  props[PROP_DETAIL] = g_param_spec_string ("detail", NULL, NULL, "", read);
  props[PROP_FRACTION] = g_param_spec_double ("fraction", NULL, NULL, -1, 1, -1, read);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
em_job_init (EmJob *self)
{
  self->fraction = -1;
  self->detail = g_strdup ("");
  self->cancellable = g_cancellable_new ();
}

EmJob *
em_job_new (const char *title)
{
  EmJob *self = g_object_new (EM_TYPE_JOB, NULL);

  self->title = g_strdup (title);
  return self;
}
