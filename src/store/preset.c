/* preset.c - the table of presets. */
#include "store/preset.h"
#include <string.h>

#define SECOND_NS 1000000000ll

const char *const em_presets[]
    = { "video", "avsbench-s4", "avsbench-ms3", "avsbench-v2", "refavs", NULL };

static const char *const s4_classes[] = { "ambulance_siren",
                                          "baby_laughter",
                                          "cap_gun_shooting",
                                          "cat_meowing",
                                          "chainsawing_trees",
                                          "coyote_howling",
                                          "dog_barking",
                                          "driving_buses",
                                          "female_singing",
                                          "helicopter",
                                          "horse_clip-clop",
                                          "lawn_mowing",
                                          "lions_roaring",
                                          "male_speech",
                                          "mynah_bird_singing",
                                          "playing_acoustic_guitar",
                                          "playing_glockenspiel",
                                          "playing_piano",
                                          "playing_tabla",
                                          "playing_ukulele",
                                          "playing_violin",
                                          "race_car",
                                          "typing_on_computer_keyboard",
                                          NULL };

static const char *const v2_classes[]
    = { "accordion",      "airplane",   "axe",       "baby",          "bassoon",    "bell",
        "bird",           "boat",       "boy",       "bus",           "car",        "cat",
        "cello",          "clarinet",   "clipper",   "clock",         "dog",        "donkey",
        "drum",           "duck",       "elephant",  "emergency-car", "erhu",       "flute",
        "frying-food",    "girl",       "goose",     "guitar",        "gun",        "guzheng",
        "hair-dryer",     "handpan",    "harmonica", "harp",          "helicopter", "hen",
        "horse",          "keyboard",   "leopard",   "lion",          "man",        "marimba",
        "missile-rocket", "motorcycle", "mower",     "parrot",        "piano",      "pig",
        "pipa",           "saw",        "saxophone", "sheep",         "sitar",      "sorna",
        "squirrel",       "tabla",      "tank",      "tiger",         "tractor",    "train",
        "trombone",       "truck",      "trumpet",   "tuba",          "ukulele",    "utv",
        "vacuum-cleaner", "violin",     "wolf",      "woman",         NULL };

bool
em_preset_fill (const char *name, EmDbSetup *setup)
{
  if (!g_strv_contains (em_presets, name))
    return false;
  setup->preset = name;
  setup->grid_step_ns = SECOND_NS;
  /* The published AVSBench frames were cut 15/16 of a second after each second begins. */
  setup->grid_phase_ns = g_str_has_prefix (name, "avsbench") ? SECOND_NS * 15 / 16 : SECOND_NS / 2;
  setup->classes = strcmp (name, "avsbench-s4") == 0   ? s4_classes
                   : strcmp (name, "avsbench-v2") == 0 ? v2_classes
                                                       : NULL;
  return true;
}
