import Testing

/// A promise of the API server, as a program that checks it.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    var name: String
    var run: @Sendable (Trial) async throws -> Void

    init(_ name: String, _ run: @escaping @Sendable (Trial) async throws -> Void) {
        self.name = name
        self.run = run
    }

    var testDescription: String { name }

    static let all = writing + ownership + reading + watching + deleting + customTypes + controllers
}
