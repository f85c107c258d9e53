/* em-chip.c - the square is the legend of the canvas: same hue, same pattern. */
#include "app/em-chip.h"

#define SIDE 22

struct _EmChip {
  GtkWidget parent_instance;
  guint color, pattern, number;
};

G_DEFINE_FINAL_TYPE (EmChip, em_chip, GTK_TYPE_WIDGET)

enum { PROP_0, PROP_COLOR, PROP_PATTERN, PROP_NUMBER, N_PROPS };
static GParamSpec *props[N_PROPS];

static void
draw_pattern (EmChip *self, cairo_t *cr)
{
  cairo_set_source_rgba (cr, 0, 0, 0, 0.35);
  if (self->pattern == 1) {
    cairo_set_line_width (cr, 2);
    for (int at = -SIDE; at < SIDE; at += 6) {
      cairo_move_to (cr, at, SIDE);
      cairo_line_to (cr, at + SIDE, 0);
    }
    cairo_stroke (cr);
  } else if (self->pattern == 2) {
    for (int y = 3; y < SIDE; y += 6)
      for (int x = 3; x < SIDE; x += 6) {
        cairo_arc (cr, x, y, 1.4, 0, 2 * G_PI);
        cairo_fill (cr);
      }
  }
}

static void
em_chip_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  EmChip *self = EM_CHIP (widget);
  float x = (gtk_widget_get_width (widget) - SIDE) / 2.0f;
  float y = (gtk_widget_get_height (widget) - SIDE) / 2.0f;
  float r = (self->color >> 16 & 255) / 255.0f, g = (self->color >> 8 & 255) / 255.0f;
  float b = (self->color & 255) / 255.0f;
  GdkRGBA fill = { r, g, b, 1 }, ink = { 0, 0, 0, 0.85f };
  GskRoundedRect round;
  cairo_t *cr;

  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (x, y));
  gsk_rounded_rect_init_from_rect (&round, &GRAPHENE_RECT_INIT (0, 0, SIDE, SIDE), 6);
  gtk_snapshot_push_rounded_clip (snapshot, &round);
  gtk_snapshot_append_color (snapshot, &fill, &round.bounds);
  if (self->pattern > 0) {
    cr = gtk_snapshot_append_cairo (snapshot, &round.bounds);
    draw_pattern (self, cr);
    cairo_destroy (cr);
  }
  gtk_snapshot_pop (snapshot);
  if (self->number > 0 && self->number < 10) {
    char text[4];
    g_autoptr (PangoLayout) layout = NULL;
    PangoAttrList *attrs = pango_attr_list_new ();
    int w, h;

    if (0.3f * r + 0.59f * g + 0.11f * b < 0.45f)
      ink = (GdkRGBA){ 1, 1, 1, 1 };
    g_snprintf (text, sizeof text, "%u", self->number);
    layout = gtk_widget_create_pango_layout (widget, text);
    pango_attr_list_insert (attrs, pango_attr_weight_new (PANGO_WEIGHT_BOLD));
    pango_attr_list_insert (attrs, pango_attr_scale_new (0.9));
    pango_layout_set_attributes (layout, attrs);
    pango_attr_list_unref (attrs);
    pango_layout_get_pixel_size (layout, &w, &h);
    gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT ((SIDE - w) / 2.0f, (SIDE - h) / 2.0f));
    gtk_snapshot_append_layout (snapshot, layout, &ink);
  }
  gtk_snapshot_restore (snapshot);
}

static void
em_chip_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                 int *natural, int *minimum_baseline, int *natural_baseline)
{
  *minimum = *natural = SIDE;
}

static guint *
field (EmChip *self, guint id)
{
  return id == PROP_COLOR ? &self->color : id == PROP_PATTERN ? &self->pattern : &self->number;
}

static void
em_chip_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  *field (EM_CHIP (object), id) = g_value_get_uint (value);
  gtk_widget_queue_draw (GTK_WIDGET (object));
}

static void
em_chip_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  g_value_set_uint (value, *field (EM_CHIP (object), id));
}

static void
em_chip_class_init (EmChipClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  object_class->set_property = em_chip_set_property;
  object_class->get_property = em_chip_get_property;
  widget_class->snapshot = em_chip_snapshot;
  widget_class->measure = em_chip_measure;
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_PRESENTATION);
  props[PROP_COLOR] = g_param_spec_uint ("color", NULL, NULL, 0, 0xffffff, 0x888888, flags);
  props[PROP_PATTERN] = g_param_spec_uint ("pattern", NULL, NULL, 0, 2, 0, flags);
  props[PROP_NUMBER] = g_param_spec_uint ("number", NULL, NULL, 0, G_MAXUINT, 0, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
em_chip_init (EmChip *self)
{
  self->color = 0x888888;
}
