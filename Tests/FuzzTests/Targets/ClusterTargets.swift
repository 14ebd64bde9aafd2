import Foundation
import ModelManifests
import NIOCore
import Serving

@testable import KubernetesClient
@testable import KubernetesServing

/// Data from the API server, from authors of its objects, from kubeconfigs and from their plugins.
extension FuzzTarget {
    private static let objectWords =
        FuzzTargets.json + FuzzTargets.extremes + [
            "\"metadata\":{\"name\":\"a\"}", "\"labels\"", "\"annotations\"", "\"ownerReferences\"",
            "\"managedFields\"",
            "\"fieldsV1\"", "\"f:spec\"", "\"f:replicas\"", "\"resourceVersion\":\"7\"", "\"generation\"", "\"status\"",
            "\"record\"",
            "\"events\"", "\"spec\"", "\"containers\"", "\"containerStatuses\"", "\"state\"", "\"waiting\"",
            "\"reason\"",
            "\"terminated\"", "\"exitCode\"", "\"conditions\"", "\"type\":\"Ready\"", "\"lastTransitionTime\"",
            "\"podIP\"",
            "\"endpoints\"", "\"ports\"", "\"data\"", "\"route\"", "\"mlctl.dev/quarantine\"", "\"deletionTimestamp\"",
        ]

    static let kubeconfig = FuzzTarget(
        "kubeconfig", reads: "kubeconfigs, as cluster providers and their tools write them", of: ["KubernetesClient"],
        words: FuzzTargets.extremes + [
            "apiVersion: v1\n", "clusters:\n- ", "users:\n- ", "contexts:\n- ", "current-context: ", "name: a\n",
            "cluster: ",
            "server: https://h:6443", "user: ", "token: t", "tokenFile: f", "exec: ", "command: x",
            "certificate-authority-data: ",
            "insecure-skip-tls-verify: true", "proxy-url: ", "tls-server-name: ", "client-certificate-data: ",
            "auth-provider: ",
            "extensions: ", "namespace: ", "as: ", "&a ", "*a", "{", "}", "[", "]", "'", "\"", "- ", "? ", "\t",
        ], triesInTests: 100
    ) { input in
        let text = String(decoding: input, as: UTF8.self)
        let config: Kubeconfig
        do {
            config = try Kubeconfig.parse(text, path: "/home/u/.kube/config")
        } catch let error as APIError {
            try demand(error.reason == .credentials && !error.message.contains("\n"), "refused by \(error)")
            return
        }
        let environment = [
            "HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "10.0.0.0/8,.local,[::1]:443,*.example.com:1",
        ]
        for name in config.contexts.keys.sorted().prefix(4) {
            guard let connection = try? config.connection(context: name, environment: environment) else { continue }
            guard let address = try? ServerAddress(connection) else { continue }
            try demand(!address.host.isEmpty && address.url("/api").hasSuffix("/api"), "an address \(address)")
        }
        let proxied = ["HTTPS_PROXY": text, "https_proxy": "p", "NO_PROXY": text, "no_proxy": text]
        for server in ["https://10.1.2.3:6443", "https://[fd00::1]", "https://a.example.com"] {
            _ = ProxyEnvironment(proxied).setting(for: server)
        }
    }

    static let watchStream = FuzzTarget(
        "watch-stream", reads: "answers of the API server: watches, lists, errors", of: ["KubernetesClient"],
        words: objectWords + [
            "{\"type\":\"ADDED\",\"object\":", "\"MODIFIED\"", "\"DELETED\"", "\"BOOKMARK\"", "\"ERROR\"", "\"items\"",
            "\"continue\"",
            "\"code\":410", "\"details\"", "\"causes\"", "\"FieldManagerConflict\"", "\"retryAfterSeconds\"", "\n",
            "\"message\"",
        ], triesInTests: 100
    ) { input in
        let whole = lines(of: [input[...]])
        try demand(lines(of: Cuts.pieces(of: input)) == whole, "other lines if split into pieces")
        for line in whole.prefix(32) {
            _ = try? WatchEvent<ManagedObject<PodKind>>(line: line, request: "WATCH pods")
            _ = try? WatchEvent<ModelDeploymentObject>(line: line, request: "WATCH modeldeployments")
        }
        let data = Data(input)
        if let page = try? JSONDecoder().decode(ListPage<ManagedObject<PodKind>>.self, from: data) {
            try demand(page.continuing != "", "an empty continuation token")
        }
        let error = APIError.answer(code: 409, body: data, request: .get(.pods, NamespacedName(name: "a")))
        try demand(!error.message.isEmpty, "an error without a message")
        _ = (error.retry, error.fieldConflicts, error.isNamespaceTerminating)
        if let lease = try? JSONDecoder().decode(Lease.self, from: data) { _ = lease.spec }
    }

    private static func lines(of pieces: [ArraySlice<UInt8>]) -> [Data] {
        var splitter = LineSplitter(maximumBytes: 1 << 12)
        var lines: [Data] = []
        for piece in pieces {
            splitter.add(ByteBuffer(bytes: piece))
            do {
                while let line = try splitter.next() { lines.append(line) }
            } catch {
                return lines + [Data("too long".utf8)]
            }
        }
        return lines + [splitter.rest()].compactMap(\.self)
    }

    static let execCredential = FuzzTarget(
        "exec-credential", reads: "what an exec plugin of a kubeconfig prints", of: ["KubernetesClient"],
        words: FuzzTargets.json + [
            "\"kind\":\"ExecCredential\"", "\"apiVersion\":\"client.authentication.k8s.io/v1\"", "\"status\"",
            "\"token\"",
            "\"expirationTimestamp\"", "2026-11-20T09:30:00Z", "\"clientCertificateData\"", "\"clientKeyData\"",
            "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----",
        ], triesInTests: 100
    ) { input in
        let plugin = ExecPlugin(apiVersion: ExecPlugin.versions[0], command: "plugin")
        do {
            let (credential, _) = try ExecCredential.read(Data(input), of: plugin)
            try demand(credential.token?.isEmpty == false || credential.certificate != nil, "an empty credential")
        } catch let error as APIError {
            try demand(error.reason == .credentials, "refused by \(error)")
        }
    }

    static let clusterObjects = FuzzTarget(
        "cluster-objects", reads: "objects of a cluster that others may write: records, pods, routes, events",
        of: ["KubernetesServing"],
        words: objectWords, triesInTests: 100
    ) { input in
        let data = Data(input)
        let decoder = JSONDecoder()
        if let found = try? decoder.decode(RecordedModelDeployment.self, from: data) {
            let digest = found.digest
            _ = RecordBackup(found)
            _ = QuarantineAnnotation.entries(digest.quarantine)
            for event in digest.events ?? [] { _ = event.event }
            let before = StatusDocument.fingerprint(found.wholeStatus)
            try demand(before == StatusDocument.fingerprint(found.wholeStatus.withoutNulls), "nulls change a status")
        }
        if let pod = try? decoder.decode(ManagedObject<PodKind>.self, from: data) {
            let packed = PackedMetadata(pod.metadata)
            try demand(PackedMetadata(packed.metadata) == packed, "metadata changes when it is packed again")
            let reading = PodObservation(pod)
            _ = (reading.instance, reading.trouble, reading.disruption, reading.isSilent)
        }
        if let route = (try? decoder.decode(RouteConfigMap.self, from: data))?.route {
            try demand(AnnotationJSON.value(ProxyRoute.self, AnnotationJSON.text(route)) == route, "another route")
        }
        if let slice = try? decoder.decode(RevisionEndpoints.self, from: data) {
            _ = slice.endpoints.map { ($0.isReady, $0.answersWhileEnding) }
        }
        if let event = try? decoder.decode(PodEvent.self, from: data) {
            try demand(PodEvent.word([event, event])?.text.isEmpty == false, "an event without text")
        }
        let seal = RecordSeal.random()
        if let map = try? decoder.decode(RecordBackup.Map.self, from: data) {
            try demand(RecordBackup(map, seal: seal) == nil, "a record without a seal is accepted")
        }
        if let found = try? decoder.decode(RecordedModelDeployment.self, from: data), let kept = RecordBackup(found) {
            let map = try decoder.decode(RecordBackup.Map.self, from: kept.body(seal).jsonData)
            try demand(RecordBackup(map, seal: seal) == kept, "another record is read back")
        }
    }
}
