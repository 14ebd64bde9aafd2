import JSON
import ModelManifests
import NIOCore
import Serving
import Testing

@testable import TrafficProxy

@Suite struct ObservedTallyTests {
    private static func observation(_ name: String = "score", path: String = "y", edges: [Double] = [0.5])
        -> PredictionObservation
    {
        PredictionObservation(name: name, path: JSONPath(path) ?? JSONPath(steps: []), buckets: .edges(edges))
    }

    @Test("a value is counted in its bucket, and a missing value is counted by reason")
    func counts() {
        let tally = ObservedTally(Self.observation())
        for body in [
            #"{"y":0.2}"#, #"{"y":0.9}"#, #"{"y":0.95}"#, #"{"y":"0.2"}"#, #"{"z":1}"#, #"{"y":null}"#, "<html>",
        ] {
            tally.read(CopiedBody.bytes(ByteBuffer(string: body), BodyForm(), bytesMax: 1000).payload)
        }
        for why in [MissingValueReason.tooLarge, .compressed, .noRoom] { tally.read(.failure(why)) }
        #expect(tally.counts.buckets == [1, 2])
        #expect(
            tally.counts.unseen == [.noValue: 3, .notJSON: 1, .tooLarge: 1, .compressed: 1, .noRoom: 1])
    }

    @Test("chunks are joined first, wherever they split the value")
    func chunked() {
        let tally = ObservedTally(Self.observation())
        let body = "3;x=y\r\n{\"y\r\n5\r\n\":0.9\r\n1\r\n}\r\n0\r\ntrailer: 1\r\n\r\n"
        tally.read(CopiedBody.bytes(ByteBuffer(string: body), BodyForm(isChunked: true), bytesMax: 1000).payload)
        tally.read(
            CopiedBody.bytes(ByteBuffer(string: "3\r\n{\"y\r\n"), BodyForm(isChunked: true), bytesMax: 1000).payload)
        #expect(tally.counts.buckets == [0, 1])
        #expect(tally.counts.unseen == [.incomplete: 1])
    }

    @Test("new routes continue unchanged observations, and start changed ones from zero")
    func follow() {
        var tallies = InstanceTallies()
        tallies.follow([Self.observation("a"), Self.observation("b")], isMirrored: false)
        for tally in tallies.observed {
            tally.read(CopiedBody.bytes(ByteBuffer(string: #"{"y":0.1}"#), BodyForm(), bytesMax: 1000).payload)
        }
        tallies.follow([Self.observation("b", edges: [0.1, 0.2]), Self.observation("a")], isMirrored: true)
        var counters = RequestCounters()
        tallies.enter(&counters)
        #expect(counters.observed == ["a": [1, 0], "b": [0, 0, 0]])
        #expect(counters.pairs == PairCounters())
        tallies.follow([], isMirrored: false)
        counters = RequestCounters()
        tallies.enter(&counters)
        #expect(counters.observed.isEmpty)
        // Earlier pair counters stay in the report.
        #expect(counters.pairs == PairCounters())
    }
}
