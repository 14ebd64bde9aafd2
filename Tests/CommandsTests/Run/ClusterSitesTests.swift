import ControlPorts
import Controller
import Foundation
import Journal
import KubernetesClient
import Logging
import ModelManifests
import Testing

@testable import Commands

@Suite("A controller's clusters")
struct ClusterSitesTests {
    private static func names(_ settings: RunSettings, isPod: Bool) -> [String] {
        ClusterSites.clusters(settings, isPod: isPod).map(\.name)
    }

    @Test("are those of the settings, and in a pod also the pod's own")
    func members() {
        var settings = RunSettings()
        #expect(Self.names(settings, isPod: false) == [])
        #expect(Self.names(settings, isPod: true) == ["in-cluster"])
        settings.clusters = [ClusterSettings(name: "prod", kubeconfig: "/k")]
        #expect(Self.names(settings, isPod: false) == ["prod"])
        #expect(Self.names(settings, isPod: true) == ["prod", "in-cluster"])
        // The settings may describe the pod's own cluster; it then appears once.
        settings.clusters = [ClusterSettings(name: "in-cluster", namespace: "payments")]
        #expect(ClusterSites.clusters(settings, isPod: true) == settings.clusters)
    }

    @Test("default to the pod's own for manifests that name none, also if the settings name others")
    func standard() throws {
        var settings = RunSettings()
        let folder = FileManager.default.temporaryDirectory.appending(path: "sites-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let kubeconfig = folder.appending(path: "config")
        try Data(Self.kubeconfig.utf8).write(to: kubeconfig)
        // With a kubeconfig in the settings the test needs no service account.
        let path = kubeconfig.path(percentEncoded: false)
        settings.clusters = ["prod", "in-cluster"].map { ClusterSettings(name: $0, kubeconfig: path) }
        func directory(_ environment: [String: String]) throws -> SiteDirectory {
            let sites = try ClusterSites.open(
                settings, environment: environment,
                archive: try JournalStore(path: folder.appending(path: "journal").path(percentEncoded: false)),
                now: { Date(timeIntervalSince1970: 0) }, logger: Logger(label: "test"))
            return sites.directory(with: nil)
        }
        let wanted = Target.kubernetes(KubernetesTarget())
        #expect(try directory(["KUBERNETES_SERVICE_HOST": "10.0.0.1"]).name(for: wanted) == .cluster("in-cluster"))
        #expect(throws: SiteError.self) { try directory([:]).name(for: wanted) }
    }

    private static let kubeconfig = """
        current-context: c
        clusters: [{name: k, cluster: {server: "https://k"}}]
        contexts: [{name: c, context: {cluster: k}}]
        """
}
