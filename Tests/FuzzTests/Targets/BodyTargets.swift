import Foundation
import JSON
import ModelManifests
import NIOCore
import Serving

@testable import TrafficProxy

/// Bodies that the proxy reads, and its routes.
extension FuzzTarget {
    static let jsonScanner = FuzzTarget(
        "json-scanner", reads: "bodies of requests and answers, for observations",
        of: ["JSON"],
        words: FuzzTargets.json + FuzzTargets.extremes + ["\"a\":", "\\u0061", "\\ud83d\\ude00"]
    ) { input in
        guard let tree = try GuardedBytes.reading(input, { try? JSONValue(scanning: $0) }) else {
            // If the input is not JSON, nothing must be found in it.
            let found = try GuardedBytes.reading(input) { try? JSONScanner.range(of: JSONPath(steps: []), in: $0) }
            try demand(found == nil, "something is at \(String(describing: found)), and it is not JSON")
            return
        }
        let again = try GuardedBytes.reading(Array(text(of: tree).utf8)) { try? JSONValue(scanning: $0) }
        try demand(again == tree, "after writing and reading again it is \(String(describing: again))")
        var (steps, place) = ([JSONPath.Step](), tree)
        for _ in 0..<8 {
            try checkValue(at: JSONPath(steps: steps), is: place, in: input)
            switch place {
            case .object(let members):
                guard let (name, value) = members.min(by: { $0.key < $1.key }) else { return }
                (steps, place) = (steps + [.member(name)], value)
            case .array(let elements):
                guard let last = elements.last else { return }
                (steps, place) = (steps + [.element(elements.count - 1)], last)
            default: return
            }
        }
    }

    private static func checkValue(at path: JSONPath, is wanted: JSONValue, in input: [UInt8]) throws {
        try GuardedBytes.reading(input) { raw in
            guard let range = try? JSONScanner.range(of: path, in: raw) else {
                throw Violation(description: "nothing is found at '\(path.text)'")
            }
            let found = try? JSONValue(scanning: UnsafeRawBufferPointer(rebasing: raw[range]))
            try demand(found == wanted, "at '\(path.text)' is \(String(describing: found)), not \(wanted)")
            let scalar: JSONScalar? =
                switch wanted {
                case .integer(let number): .number(Double(number))
                case .number(let number): .number(number)
                case .string(let text): .string(text)
                case .bool(let flag): .boolean(flag)
                case .null, .array, .object: nil
                }
            try demand(JSONScalar(raw, range) == scalar, "its value is \(String(describing: JSONScalar(raw, range)))")
        }
    }

    private static func text(of tree: JSONValue) -> String {
        switch tree {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .integer(let number): "\(number)"
        // A number too large for a double is infinite.
        case .number(let number): number.isFinite ? "\(number)" : number < 0 ? "-1e999" : "1e999"
        case .string(let text): quoted(text)
        case .array(let elements): "[\(elements.map(text).joined(separator: ", "))]"
        case .object(let members):
            "{\(members.map { "\(quoted($0.key)): \(text(of: $0.value))" }.joined(separator: ", "))}"
        }
    }

    private static func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            scalar == "\"" || scalar == "\\"
                ? "\\\(scalar)" : scalar.value < 0x20 ? "\\u00\(hex(scalar))" : String(scalar)
        }
        return "\"\(escaped.joined())\""
    }

    private static func hex(_ scalar: Unicode.Scalar) -> String {
        (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
    }

    static let answerPair = FuzzTarget(
        "answer-pair", reads: "a user's answer and a shadow's, separated by a NUL, to compare",
        of: ["TrafficProxy", "JSON"],
        words: FuzzTargets.json + FuzzTargets.extremes + ["\u{0}"]
    ) { input in
        let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        func answer(_ bytes: ArraySlice<UInt8>) -> PairedAnswer {
            PairedAnswer(status: 200, body: .bytes(ByteBuffer(bytes: bytes), BodyForm(), bytesMax: bytesMax))
        }
        let user = answer(parts[0])
        let shadow = answer(parts[parts.count - 1])
        for path in [JSONPath(steps: []), JSONPath(steps: [.member("a"), .element(0)])] {
            let comparison = ShadowComparison(path: path)
            guard let own = try? AnswerComparison.compare(user: user, shadow: user, by: comparison) else { continue }
            try demand(own == .same, "an answer differs from itself: \(own)")
            guard let there = try? AnswerComparison.compare(user: user, shadow: shadow, by: comparison) else {
                continue
            }
            try demand((0...1).contains(there.distance), "the distance is \(there.distance)")
            guard let back = try? AnswerComparison.compare(user: shadow, shadow: user, by: comparison) else { continue }
            try demand(there.agrees == back.agrees, "the comparison is not symmetric: \(there), \(back)")
        }
    }

    static let compressedBody = FuzzTarget(
        "compressed-body", reads: "compressed and chunked bodies, from clients and model servers",
        of: ["TrafficProxy", "Serving"], triesInTests: 150
    ) { input in
        let bytesMax = 32 << 10
        for isChunked in [false, true] {
            let form = BodyForm(isChunked: isChunked, coding: .deflated)
            let body = CopiedBody.bytes(ByteBuffer(bytes: input), form, bytesMax: bytesMax)
            guard case .success(let payload) = body.payload else { continue }
            try demand(payload.readableBytes <= bytesMax, "\(payload.readableBytes) bytes of at most \(bytesMax)")
        }
    }

    static let proxyRoutes = FuzzTarget(
        "proxy-routes", reads: "routes of the traffic proxy: its control socket, its file, a ConfigMap",
        of: ["TrafficProxy", "Serving"],
        words: FuzzTargets.extremes + [
            "routes", "generation", "revisions", "weight", "upstreams", "port", "host", "mirror", "routing", "random",
            "stickyHeader", "stickyCookie", "matchHeader", "previewPort", "generate", "slices", "observe",
            "concurrency",
            "keepsUsers", "requestTimeout", "127.0.0.1", "::1",
        ], triesInTests: 100
    ) { input in
        if let kept = try? JSONDecoder().decode(StoredKeptUsers.self, from: Data(input)) {
            _ = try? kept.users(of: DeploymentKey(name: "d"))
        }
        guard let routes = try? JSONDecoder().decode(ProxyRoutes.self, from: Data(input)) else { return }
        let again = try JSONDecoder().decode(ProxyRoutes.self, from: try JSONEncoder().encode(routes))
        try demand(again == routes, "they changed when written and read again")
        let limits = ProxyLimits()
        let accepted = RoutesValidation.accept(routes, limits: limits)
        try demand(
            accepted.routes.routes.count <= min(limits.routes, routes.routes.count),
            "there are more routes than in the input")
        for route in accepted.routes.routes {
            let weights = route.revisions.map(\.weight)
            try demand(weights.allSatisfy { (0...100).contains($0) }, "weights \(weights)")
            try demand([0, 100].contains(weights.reduce(0, +)), "weights \(weights)")
        }
        let twice = RoutesValidation.accept(accepted.routes, following: accepted, limits: limits)
        try demand(twice.routes.routes == accepted.routes.routes, "accepted routes change when they are accepted again")
    }

    static let recordedRequests = FuzzTarget(
        "recorded-requests", reads: "recorded requests in a model's folder", of: ["Serving", "JSON"],
        words: FuzzTargets.json + ["{\"path\":\"/\",\"body\":", "\n", "\"path\"", "\"body\"", "/v2/models/m/infer"],
        triesInTests: 150
    ) { input in
        let limits = ProxyLimits()
        for path in [nil, "/v2/models/m/infer"] {
            guard let recorded = try? RequestLines(lines: input, file: "f", path: path, limits: limits) else {
                continue
            }
            try demand((1...limits.recordedRequests).contains(recorded.requests.count), "\(recorded.requests.count)")
            for request in recorded.requests {
                let isWord = request.path.utf8.allSatisfy { (0x21...0x7e).contains($0) }
                try demand(request.path.hasPrefix("/") && isWord, "a path \(request.path.debugDescription)")
                try demand(
                    (try? JSONSerialization.jsonObject(with: Data(request.body), options: .fragmentsAllowed)) != nil,
                    "a body that is not JSON")
            }
        }
    }
}
