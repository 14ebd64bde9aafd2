import ControlPorts
import ModelManifests
import Rollouts

extension Controller {
    /// Every ready instance whose runtime has a metrics page, with labels that distinguish revisions.
    package func scrapeTargets() -> [ScrapeTarget] {
        entries.sorted { $0.key < $1.key }.flatMap { key, entry -> [ScrapeTarget] in
            let deployed = [entry.state?.stable, entry.state?.rollout?.candidate].compactMap(\.self)
            return deployed.flatMap { deployed -> [ScrapeTarget] in
                guard let metrics = deployed.template.runtime.metrics else { return [] }
                let instances = entry.observed?.instances.filter {
                    $0.revision == deployed.revision && $0.condition == .ready
                }
                return (instances ?? []).compactMap { instance in
                    instance.addresses[metrics.port ?? ""].map { address in
                        ScrapeTarget(
                            targets: [address],
                            labels: [
                                "__metrics_path__": metrics.path, "namespace": key.namespace, "name": key.name,
                                "revision": deployed.revision.rawValue, "version": deployed.version,
                                "instance": instance.id,
                            ])
                    }
                }
            }
        }
    }
}
