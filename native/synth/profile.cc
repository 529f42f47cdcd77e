#include "synth/profile.h"

namespace pss::synth {

namespace {

// Criteo Kaggle: rows, table sizes and click rate as published; shares of missing values and log-normal fits
// of the integers in round numbers.
constexpr Profile kKaggle = {
    "kaggle",
    45'840'617,
    6'548'660,
    14,
    0.256,
    {{{.45F, .8F, 1.0F},
      {0, 2.3F, 2.1F, -2},
      {.21F, 2.3F, 1.3F},
      {.21F, 1.7F, 1.0F},
      {.03F, 7.3F, 2.9F},
      {.22F, 3.6F, 1.8F},
      {.04F, 1.5F, 1.4F},
      {.001F, 2.1F, 1.2F},
      {.04F, 3.6F, 1.7F},
      {.45F, .4F, .4F},
      {.04F, .9F, .7F},
      {.77F, .3F, .6F},
      {.21F, 1.9F, 1.1F}}},
    {{{1460, 0, 2.23F},        {583, 0, 1.56F},      {10131227, .034F, 1.08F},
      {2202608, .034F, 1.13F}, {305, 0, 2.5F},       {24, .12F, 2.0F},
      {12517, 0, 0.99F},       {633, 0, 2.5F},       {3, 0, 0.5F},
      {93145, 0, 1.16F},       {5683, 0, 1.08F},     {8351593, .034F, 1.09F},
      {3194, 0, 1.04F},        {27, 0, 2.0F},        {14992, 0, 1.21F},
      {5461306, .034F, 1.11F}, {10, 0, 2.0F},        {5652, 0, 1.37F},
      {2173, .44F, 1.47F},     {4, .44F, 1.0F},      {7046547, .034F, 1.1F},
      {18, .76F, 2.0F},        {15, 0, 2.0F},        {286181, .034F, 1.23F},
      {105, .44F, 2.5F},       {142572, .44F, 1.16F}}},
};

// Criteo Terabyte, likewise; tables of 40 million and more are capped there.
constexpr Profile kTerabyte = {
    "tb",
    4'373'472'329,
    182'228'013,
    14,
    0.034,
    {{{.24F, 2.2F, 1.2F},
      {.10F, 5.1F, 1.6F},
      {.25F, 1.6F, .9F},
      {.49F, 3.6F, 1.7F},
      {.46F, 2.1F, 1.2F},
      {.09F, .3F, .7F},
      {.03F, .05F, .2F},
      {0, 2.4F, 2.1F, -1},
      {0, 1.7F, 1.2F},
      {.09F, .1F, .3F},
      {.46F, 1.3F, .7F},
      {.015F, 7.7F, 2.7F},
      {.25F, 1.8F, 1.0F}}},
    {{{40000000, .026F, 1.25F},
      {39060, 0, 1.28F},
      {17295, 0, 1.06F},
      {7424, 0, 1.56F},
      {20265, 0, 1.33F},
      {3, 0, 0.5F},
      {7122, 0, 1.09F},
      {1543, 0, 1.55F},
      {63, 0, 2.5F},
      {40000000, .026F, 1.27F},
      {3067956, .026F, 1.4F},
      {405282, 0, 1.18F},
      {10, 0, 2.0F},
      {2209, .47F, 1.66F},
      {11938, 0, 1.4F},
      {155, .47F, 2.5F},
      {4, .47F, 2.0F},
      {976, 0, 2.24F},
      {14, 0, 2.0F},
      {40000000, .026F, 1.24F},
      {40000000, .026F, 1.32F},
      {40000000, .026F, 1.25F},
      {590152, .47F, 1.31F},
      {12973, 0, 1.14F},
      {108, 0, 2.5F},
      {36, 0, 2.5F}}},
};

// Kaggle's columns with their sizes to the power of 0.6: for tests and first tries.
constexpr Profile make_tiny() {
  Profile tiny = kKaggle;
  tiny.name = "tiny";
  tiny.rows = 700'000;
  tiny.day_rows = 100'000;
  constexpr std::array<uint32_t, kNumTables> distinct = {79,  46,  15946, 6382, 31, 7,    287,   48,  3,
                                                         957, 179, 14201, 126,  7,  320,  11004, 4,   178,
                                                         100, 3,   12822, 6,    5,  1878, 16,    1236};
  for (size_t i = 0; i < distinct.size(); ++i) tiny.tokens[i].distinct = distinct[i];
  return tiny;
}

constexpr Profile kTiny = make_tiny();

}  // namespace

const Profile* find_profile(std::string_view name) {
  for (const Profile* profile : {&kKaggle, &kTerabyte, &kTiny}) {
    if (profile->name == name) return profile;
  }
  return nullptr;
}

}  // namespace pss::synth
