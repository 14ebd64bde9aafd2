import NIOSSL
import Synchronization
import Transport

/// The TLS certificate for new connections. It can be replaced at any time; open connections keep the one that they started with.
package final class ServerCertificates: Sendable {
    package typealias Material = ServerCertificate

    private struct State {
        var material: Material
        var context: NIOSSLContext
        var former: Material?
    }

    private let state: Mutex<State>

    /// - Throws: `CertificateProblem`.
    package init(_ material: Material) throws {
        state = Mutex(State(material: material, context: try Self.context(material)))
    }

    package var material: Material { state.withLock { $0.material } }

    /// The files before the last replacement.
    var former: Material? { state.withLock { $0.former } }

    var current: NIOSSLContext { state.withLock { $0.context } }

    /// - Throws: `CertificateProblem`. The previous certificate then stays in use.
    package func replace(_ material: Material) throws {
        let context = try Self.context(material)
        state.withLock { $0 = State(material: material, context: context, former: $0.material) }
    }

    private static func context(_ material: Material) throws -> NIOSSLContext {
        try material.context(protocols: ["http/1.1"])
    }
}
