import ModelManifests
import Rollouts
import Serving

/// One instance's metrics page.
struct ScrapeTarget: Hashable, Sendable {
    var instance: InstanceObservation
    var dialect: RuntimeMetrics.Dialect
    var request: SourceRequest

    /// For messages.
    var description: String {
        "instance \(instance.id) of revision \(instance.revision.rawValue) (\(request.url))"
    }

    /// The metrics pages of all instances of a side.
    ///
    /// - Throws: `SourceError` if an instance cannot be asked.
    static func all(of side: Inquiry.Side) throws -> [ScrapeTarget] {
        guard let metrics = side.metrics else {
            throw SourceError(
                .invalidQuery,
                "the runtime of revision \(side.revision.rawValue) declares no metrics page: add runtime.metrics")
        }
        guard !side.instances.isEmpty else {
            throw SourceError(.unreachable, "revision \(side.revision.rawValue) has no ready instance")
        }
        return try side.instances.map { instance in
            guard let address = instance.addresses[metrics.port ?? ""] else {
                throw SourceError(
                    .invalidQuery,
                    "instance \(instance.id) has no port '\(metrics.port ?? "http")': name it in runtime.ports")
            }
            let path = metrics.path.hasPrefix("/") ? metrics.path : "/" + metrics.path
            return ScrapeTarget(
                instance: instance, dialect: metrics.dialect,
                request: SourceRequest(
                    url: "http://\(address)\(path)",
                    headers: [
                        SourceRequest.Header(name: "Accept", value: "text/plain;version=0.0.4"),
                        SourceRequest.Header(name: "User-Agent", value: "mlctl"),
                    ]))
        }
    }
}
