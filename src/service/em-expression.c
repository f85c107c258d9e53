/* em-expression.c - one sentence of the open clip. */
#include "service/em-expression.h"

struct _EmExpression {
  GObject parent_instance;
  EmDbExpression *row;
};

G_DEFINE_FINAL_TYPE (EmExpression, em_expression, G_TYPE_OBJECT)

enum { PROP_0, PROP_TEXT, N_PROPS };
static GParamSpec *props[N_PROPS];
static guint changed;

int64_t
em_expression_get_number (EmExpression *self)
{
  return self->row->number;
}

const char *
em_expression_get_text (EmExpression *self)
{
  return self->row->text;
}

const EmDbExpression *
em_expression_row (EmExpression *self)
{
  return self->row;
}

bool
em_expression_refers_to (EmExpression *self, int64_t object)
{
  for (int i = 0; i < self->row->n_objects; i++)
    if (self->row->objects[i] == object)
      return true;
  return false;
}

void
em_expression_take_row (EmExpression *self, const EmDbExpression *row)
{
  EmDbExpression *old = self->row;
  bool same_text = g_str_equal (old->text, row->text);

  self->row = em_db_expression_copy (row);
  if (!same_text)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_TEXT]);
  /* Objects may have gone without a row of the expression's own. */
  if (old->step != row->step || old->n_objects != row->n_objects)
    g_signal_emit (self, changed, 0);
  em_db_expression_free (old);
}

EmExpression *
em_expression_new (const EmDbExpression *row)
{
  EmExpression *self = g_object_new (EM_TYPE_EXPRESSION, NULL);

  self->row = em_db_expression_copy (row);
  return self;
}

static void
em_expression_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_TEXT)
    g_value_set_string (value, EM_EXPRESSION (object)->row->text);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
em_expression_finalize (GObject *object)
{
  em_db_expression_free (EM_EXPRESSION (object)->row);
  G_OBJECT_CLASS (em_expression_parent_class)->finalize (object);
}

static void
em_expression_class_init (EmExpressionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = em_expression_get_property;
  object_class->finalize = em_expression_finalize;
  props[PROP_TEXT]
      = g_param_spec_string ("text", NULL, NULL, "", G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
  changed = g_signal_new ("changed", EM_TYPE_EXPRESSION, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                          G_TYPE_NONE, 0);
}

static void
em_expression_init (EmExpression *self)
{
}
