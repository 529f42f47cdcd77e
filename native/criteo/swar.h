// Parsing of eight characters at once in a 64-bit register. Callers guarantee eight readable bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace pss::criteo {

static_assert(std::endian::native == std::endian::little, "the parser reads text as little-endian words");

constexpr uint64_t repeat_byte(uint8_t byte) {
  return 0x0101010101010101ULL * byte;
}

inline uint64_t load_word(const char* text) {
  uint64_t word;
  std::memcpy(&word, text, sizeof word);
  return word;
}

// Eight hex digits of either case. Returns false, leaving `value` alone, when any of them isn't one.
inline bool parse_hex8(uint32_t* value, const char* text) {
  const uint64_t word = __builtin_bswap64(load_word(text));
  const uint64_t letter = (word >> 6) & repeat_byte(0x01);
  // Letters move from 0x61..0x66 (lower case) to 0x3a..0x3f, next to the digits 0x30..0x39.
  const uint64_t nibbles = ((word | (letter << 5)) - letter * 0x27) ^ repeat_byte(0x30);
  const uint64_t high = nibbles & repeat_byte(0xf0);
  const uint64_t above_nine = ((nibbles + repeat_byte(6)) >> 4) & repeat_byte(0x01);
  if ((high | (above_nine ^ letter)) != 0) return false;
  uint64_t packed = (nibbles | (nibbles >> 4)) & 0x00ff00ff00ff00ffULL;
  packed = (packed | (packed >> 8)) & 0x0000ffff0000ffffULL;
  *value = static_cast<uint32_t>(packed | (packed >> 16));
  return true;
}

// Position of the first tab among eight characters, 8 when there is none.
inline int find_tab(uint64_t word) {
  const uint64_t tabs_zero = word ^ repeat_byte('\t');
  const uint64_t found = (tabs_zero - repeat_byte(0x01)) & ~tabs_zero & repeat_byte(0x80);
  return found == 0 ? 8 : std::countr_zero(found) >> 3;
}

// The first `length` (1 to 8) of eight characters as a decimal number. Returns false when any isn't a digit.
inline bool parse_digits(uint32_t* value, uint64_t word, int length) {
  uint64_t digits = (word ^ repeat_byte('0')) << (64 - 8 * length);
  if ((((digits + repeat_byte(0x76)) | digits) & repeat_byte(0x80)) != 0) return false;
  digits = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ffULL;
  digits = (digits * 100 + (digits >> 16)) & 0x0000ffff0000ffffULL;
  *value = static_cast<uint32_t>(digits * 10000 + (digits >> 32));
  return true;
}

}  // namespace pss::criteo
