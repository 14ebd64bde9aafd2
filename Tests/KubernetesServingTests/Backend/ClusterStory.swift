import Testing

/// A test that runs against any cluster: the model of an API server or a real one.
struct ClusterStory: Sendable, CustomTestStringConvertible {
    let name: String
    let tell: @Sendable (TestCluster) async throws -> Void

    init(_ name: String, _ tell: @escaping @Sendable (TestCluster) async throws -> Void) {
        self.name = name
        self.tell = tell
    }

    var testDescription: String { name }
}
