import Testing

/// What a server promises, as a program that finds out.
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
