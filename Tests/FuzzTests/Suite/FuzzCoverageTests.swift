import Foundation
import HTTP1
import JSON
import Serving
import Testing

/// Checks that no parser is forgotten: a target reads each source file that looks like a parser, or this file says why not.
@Suite("Which parsers are fuzzed")
struct FuzzCoverageTests {
    /// Text that a file with a parser contains.
    private static let signs = [
        "JSONDecoder()", "JSONSerialization.jsonObject", "YAMLDecoder()", "Yams.compose", "Parser(yaml", "init(parsing",
        "static func parse(", "init?(stat", "inflate(",
    ]

    /// The files that each target reads.
    private static let fuzzed: [String: [String]] = [
        "http-request-head": [
            "HTTP1/RequestHeadScanner.swift", "HTTP1/FieldScanner.swift",
            "TrafficProxy/HTTP/ByteCursor.swift",
        ],
        "http-response-head": ["HTTP1/ResponseHead.swift"],
        "http-chunks": ["HTTP1/ChunkedScanner.swift", "HTTP1/BodyFraming.swift"],
        "http2-fields": [
            "TrafficProxy/HTTP2/RequestTranslation.swift", "TrafficProxy/HTTP2/ResponseTranslation.swift",
            "TrafficProxy/HTTP2/RPCCall.swift", "TrafficProxy/HTTP2/RPCStatus.swift",
        ],
        "json-scanner": ["JSON/JSONScanner.swift"],
        "answer-pair": ["TrafficProxy/Mirroring/AnswerComparison.swift"],
        "compressed-body": ["TrafficProxy/Observing/ContentCoding.swift"],
        "proxy-routes": [
            "TrafficProxy/Control/RoutesFile.swift", "TrafficProxy/Control/ControlHandler.swift",
            "TrafficProxy/Control/KeptUsersFolder.swift",
        ],
        "recorded-requests": ["Serving/RequestLines.swift"],
        "yaml": ["ModelManifests/YAML/DocumentComposer.swift"],
        "manifests": [
            "ModelManifests/ManifestReader.swift", "Controller/ManifestLedger.swift",
            "Commands/Manifests/ManifestFiles.swift", "Commands/Manifests/FolderTree.swift",
            "ModelManifests/Tree/ManifestFile.swift",
        ],
        "manifest-revert": ["ModelManifests/Reverting/ManifestRevert.swift"],
        "ignore-rules": ["ModelManifests/Tree/IgnoreRules.swift"],
        "manifest-words": [
            "ModelManifests/Kinds/ThresholdExpressionParser.swift", "ModelManifests/Reading/GoDuration.swift",
            "SafeText/Escaping/Escape+PromQL.swift",
        ],
        "canonical-json": ["JSON/JSONValue.swift"],
        "settings": ["Commands/Run/RunSettings.swift"],
        "exposition": ["MetricSources/Server/ExpositionCursor.swift"],
        "prometheus-answer": ["MetricSources/Prometheus/PrometheusAnswer.swift"],
        "web-answer": [
            "MetricSources/Web/NumberAtPath.swift", "Analysis/Asking/CheckMetrics.swift",
            "MetricSources/Contract/ModelMetadata.swift", "MetricSources/Proxies/ClusterProxyCounters.swift",
            "LocalServing/Backend/ProxyClient.swift",
        ],
        "replay-data": ["Analysis/Replay/Replay.swift"],
        "csv": ["Commands/Manifests/RecordedValues.swift", "Commands/Manifests/CSVRecords.swift"],
        "kubeconfig": ["KubernetesClient/Credentials/Kubeconfig+Reading.swift"],
        "watch-stream": [
            "KubernetesClient/Watching/WatchEvent.swift", "KubernetesClient/Watching/ObjectCache+Running.swift",
            "KubernetesClient/Transport/LineSplitter.swift", "KubernetesClient/Requests/APIError.swift",
            "KubernetesClient/Election/LeaseElector.swift",
        ],
        "exec-credential": ["KubernetesClient/Credentials/ExecCredential.swift"],
        "cluster-objects": [
            "KubernetesServing/Record/ClusterStore.swift", "KubernetesServing/Record/ClusterStore+Register.swift",
            "KubernetesServing/Record/ClusterStore+Quarantine.swift", "KubernetesServing/Backend/ObjectHead.swift",
            "KubernetesServing/Backend/ClusterBackend+Waiting.swift",
            "KubernetesServing/Rendering/RevisionRendering.swift",
            "KubernetesServing/Backend/ClusterBackend+Writing.swift", "KubernetesServing/Backend/Additions.swift",
        ],
        "git-output": ["GitSource/TreeEntry.swift", "GitSource/BlobReader.swift", "GitSource/RemoteLook.swift"],
        "git-words": ["GitSource/Versions/VersionRangeWords.swift", "GitSource/Credentials/GitCredentials.swift"],
        "storage-answer": ["ModelStorage/ResponseHead.swift"],
        "store-listing": [
            "ModelStorage/Remote/XMLScanner.swift", "ModelStorage/S3/S3Answer.swift",
            "ModelStorage/S3/AWSMetadata.swift",
            "ModelStorage/Hub/HubStore.swift",
        ],
        "registry-answer": [
            "ModelStorage/MLflow/MLflowAnswer.swift", "ModelStorage/Registry/RegistryManifest.swift",
            "ModelStorage/Registry/RegistryStore.swift", "ModelStorage/Registry/DockerConfig.swift",
            "ModelStorage/Registry/RegistrySession.swift", "ModelStorage/Google/GoogleStore.swift",
            "ModelStorage/Google/GoogleIdentity.swift", "ModelStorage/Listing/ModelListing.swift",
        ],
        "tar-archive": ["ModelStorage/Archives/TarReader.swift", "ModelStorage/Archives/ByteSource.swift"],
        "zip-archive": ["ModelStorage/Archives/ZipReader.swift"],
        "event-stream": ["ControlAPI/ServerSentEvents.swift"],
        "signed-requests": [
            "ControlAPI/Signing/RequestSignature.swift", "Transport/RFC3339.swift", "ControlAPI/ListenAddress.swift",
        ],
        "outcomes": ["ControlAPI/OutcomeBody.swift"],
        "hook-delivery": ["ControlAPI/Hooks/HookDelivery.swift", "ControlAPI/Hooks/HookRule.swift"],
        "browser-input": [
            "ControlAPI/Browser/FormBody.swift", "ControlAPI/Browser/BrowserSessions.swift",
            "ControlAPI/Browser/BrowserPath.swift",
        ],
        "webhook-address": ["Notifications/Webhook/WebhookAddress.swift"],
        "inference-request": ["InferenceServer/Protocol/InferRequest.swift"],
        "model-file": ["InferenceServer/Model/ModelFile.swift"],
        "probe-answer": ["LocalServing/Keeper/ResponseScanner.swift"],
        "process-text": [
            "LocalServing/Linux/ProcessTable.swift", "LocalServing/Linux/ProcessUsage.swift",
            "Commands/Trust/TrustedPlaces.swift",
        ],
        "keeper-state": ["LocalServing/Linux/StateFiles.swift", "LocalServing/Keeper/WarmupRequests.swift"],
        "rollout-record": ["Rollouts/RolloutRecord.swift"],
        "kept-pages": ["Journal/WithdrawalPages.swift", "TrafficProxy/Control/SparePages.swift"],
        "escapes": ["SafeText/Escaping/Escape.swift"],
        "redactor": ["SafeText/Redacting/SecretRedactor.swift"],
    ]

    /// Files that need no target, with the reason.
    private static let others: [String: String] = [
        "Analysis/SelfChecking/TrialsSplitter.swift": "splits counts, not text",
        "Commands/Client/ControllerRegistry.swift": "the user's own file; an invalid file is ignored",
        "Commands/Run/ControllerRecord.swift": "the state folder's own file; an invalid file is ignored",
        "ControlPorts/Status/APICoding.swift": "plain decoding of what the controller encoded",
        "Journal/EventRow.swift": "plain decoding of the journal's own rows",
        "Journal/ReadingTables.swift": "plain decoding of the journal's own rows",
        "Journal/QuarantineFile.swift": "plain decoding of the journal's own file",
        "KubernetesClient/KubernetesAPI.swift": "plain decoding, of types that watch-stream reads",
        "KubernetesServing/Checks/ClusterChecks.swift":
            "plain decoding, of types like those that cluster-objects reads",
        "Commands/Doctor/Looking/ClusterInspection.swift": "plain decoding of an answer of one flag",
        "KubernetesServing/Backend/LazyInformer.swift":
            "plain decoding of a page of metadata, as cluster-objects reads it",
        "KubernetesServing/Uninstalling/ClusterUninstall.swift": "the same",
        "ModelStorage/ModelCache.swift": "the cache's own file; an invalid file is created again",
        "ModelStorage/PinMemo.swift": "the same",
        "ModelStorage/WebDownload.swift": "the same",
    ]

    @Test("each file that looks like a parser is read by a target, or has a reason here")
    func complete() throws {
        let root = CorpusFile.folder.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources")
        let named = Self.fuzzed.values.flatMap(\.self) + Self.others.keys
        #expect(Set(named).count == named.count, "a file is named twice")
        var found: [String] = []
        let walk = FileManager.default.enumerator(atPath: root.path(percentEncoded: false))
        for case let name as String in walk ?? FileManager.DirectoryEnumerator() where name.hasSuffix(".swift") {
            let text = try String(contentsOf: root.appending(path: name), encoding: .utf8)
            let isOne = text.contains(#/(struct|enum) \w*(Scanner|Parser|Splitter|Cursor)\b/#)
            if isOne || Self.signs.contains(where: text.contains) { found.append(name) }
            if named.contains(name) { continue }
            #expect(!found.contains(name), "\(name) looks like a parser: fuzz it, or say here why not")
        }
        #expect(found.count > 60)
        for name in named {
            #expect(
                FileManager.default.fileExists(atPath: root.appending(path: name).path(percentEncoded: false)),
                "\(name)")
        }
    }

    @Test("each target reads a file that is named here")
    func targets() { #expect(Set(Self.fuzzed.keys) == Set(FuzzTargets.all.map(\.name))) }
}
