import Testing

@testable import ModelStorage

@Suite("Sizes for people")
struct SizeTextTests {
    @Test(
        "sizes are in the unit that has few digits",
        arguments: [
            (0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"),
            (1_048_575, "1 MiB"),
            (64 << 20, "64 MiB"), (512 << 30, "512 GiB"), (150_000_000_000, "140 GiB"), (Int64.max, "8 EiB"),
            (-5, "-5 bytes"),
        ] as [(Int64, String)])
    func text(bytes: Int64, expected: String) { #expect(SizeText.of(bytes) == expected) }
}
