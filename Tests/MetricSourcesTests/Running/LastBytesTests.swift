import TestSupport
import Testing

@testable import MetricSources

@Suite struct LastBytesTests {
    @Test("keep the end, however it arrives", arguments: [1, 2, 3] as [UInt64])
    func end(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var last = LastBytes(limit: 100)
        var all: [UInt8] = []
        for _ in 0..<200 {
            let chunk = (0..<Int.random(in: 0...250, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            chunk.withUnsafeBytes { last.append($0) }
            all += chunk
            #expect(Array(last.bytes) == Array(all.suffix(100)), "seed \(seed)")
            #expect(last.count == all.count)
            #expect(last.isCut == (all.count > 100))
        }
    }

    @Test("start with a complete character")
    func characters() {
        var last = LastBytes(limit: 3)
        Array("éé".utf8).withUnsafeBytes { last.append($0) }
        #expect(last.text == "é")
    }
}
