import ModelManifests

/// A valid manifest with one change, and who refuses it.
package struct ManifestMutation: Sendable, CustomStringConvertible {
    package enum Verdict: Hashable, Sendable {
        case refusedByBoth, takenByBoth
        case refusedByMlctlOnly(ServerDifference)
        case refusedByServerOnly(ServerDifference)
    }

    package let old: String
    package let new: String
    package let verdict: Verdict

    package var description: String { new }
    package var text: String { Self.good.replacing(old, with: new) }

    package var isRefusedByMlctl: Bool {
        switch verdict {
        case .refusedByBoth, .refusedByMlctlOnly: true
        case .takenByBoth, .refusedByServerOnly: false
        }
    }

    package var isRefusedByServer: Bool {
        switch verdict {
        case .refusedByBoth, .refusedByServerOnly: true
        case .takenByBoth, .refusedByMlctlOnly: false
        }
    }

    package static let good = """
        apiVersion: mlctl.dev/v1alpha1
        kind: ModelDeployment
        metadata: {name: mlctl-test-mutated, namespace: default, labels: {team: risk}}
        spec:
          model:
            version: "2026-11-20"
            storageUri: s3://models/fraud/2026-11-20
            lineage: {run: "mlflow:3f1c"}
          runtime:
            image: server:1
            args: [--port, $(PORT)]
            env:
            - {name: THREADS, value: "2"}
            - {name: TOKEN, valueFrom: {secret: scorer-token}}
            ports:
            - {name: http, containerPort: 8080}
            - {name: metrics, containerPort: 8082}
            probes: {readiness: {httpGet: {path: /ready, port: http}, periodSeconds: 5}}
            warmup: {file: warmup.jsonl, path: /score, timeout: 20s}
            nodeSelector: {pool: gpu}
            tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]
            podTemplate:
              spec:
                containers:
                - {name: logger, image: logger, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
          target: {kind: kubernetes, router: proxy}
          replicas: 2
          resources: {limits: {cpu: 1500m, memory: 4Gi}}
          endpoint: {port: 80, requestTimeout: 5s}
          drain: {timeout: 60s, streamTimeout: 10m}
          traffic: {sticky: {header: x-user-id}}
          rollout:
            strategy: canary
            steps:
            - setWeight: 5
            - pause: {duration: 2m}
            - gate: {name: errs}
            - approval: {}
            - setWeight: 100
            gates:
            - {name: errs, compare: {metric: errors, maxRelativeIncrease: 0.10}}
            - {name: p99, threshold: {metric: latencyP99, max: 0.25, interval: 10s}}
            falseRollbackRate: 0.02
            unavailableAfter: 30s
            progressDeadline: 10m
            probation: {duration: 1h30m, holdback: 5}
        """

    package static let all: [ManifestMutation] =
        types + model + runtime + target + steps + gates + strategies + slices + differences

    private static func list(_ verdict: Verdict, _ pairs: [(String, String)]) -> [ManifestMutation] {
        pairs.map { ManifestMutation(old: $0.0, new: $0.1, verdict: verdict) }
    }

    private static let types =
        list(
            .refusedByBoth,
            [
                ("replicas: 2", "replicas: 0"), ("replicas: 2", "replicas: 1001"), ("replicas: 2", "replicas: two"),
                ("replicas: 2", "replicas: 1.5"), ("replicas: 2", "replica: 2"), ("replicas: 2", "suspend: \"no\""),
                ("port: 80,", "port: 70000,"), ("port: 80,", "port: \"80\","),
                ("requestTimeout: 5s", "requestTimeout: 5"), ("requestTimeout: 5s", "requestTimeout: 5 s"),
                ("requestTimeout: 5s", "requestTimeout: 1d"), ("requestTimeout: 5s", "requestTimeout: 0s"),
                ("requestTimeout: 5s", "maxConcurrency: 0"), ("requestTimeout: 5s", "queue: {depth: 5}"),
                ("requestTimeout: 5s", "maxConcurrency: 8, queue: {timeout: 0s}"),
                ("requestTimeout: 5s", "maxConcurrency: 8, queue: {depth: -1}"),
                ("requestTimeout: 5s", "idempotent: 1"),
                ("requestTimeout: 5s", "requestTimeout: 100us"), ("timeout: 60s,", "timeout: 25h,"),
                ("streamTimeout: 10m", "streamTimeout: -10m"), ("unavailableAfter: 30s", "unavailableAfter: 500ms"),
                ("unavailableAfter: 30s", "unavailableAfter: 100000h"),
                ("progressDeadline: 10m", "progressDeadline: 10"),
                ("falseRollbackRate: 0.02", "falseRollbackRate: 1"),
                ("falseRollbackRate: 0.02", "falseRollbackRate: 2%"),
                ("holdback: 5", "holdback: 100"), ("memory: 4Gi", "memory: 4GB"), ("memory: 4Gi", "memory: 4 Gi"),
                ("cpu: 1500m", "cpu: -1"), ("drain: {timeout: 60s,", "drain: {timout: 60s,"),
            ])
        + list(
            .takenByBoth,
            [
                ("requestTimeout: 5s", "maxConcurrency: 8, queue: {depth: 0, timeout: 10s}, idempotent: true"),
                ("requestTimeout: 5s", "maxConcurrency: 8"),
                ("replicas: 2", "replicas: external"), ("requestTimeout: 5s", "requestTimeout: 1.5s"),
                ("requestTimeout: 5s", "requestTimeout: .5s"), ("requestTimeout: 5s", "requestTimeout: 1h2m3s4ms"),
                ("timeout: 60s,", "timeout: \"0\","), ("cpu: 1500m", "cpu: 2"), ("cpu: 1500m", "cpu: 1e3"),
                ("unavailableAfter: 30s", "unavailableAfter: 1s"), ("version: \"2026-11-20\"", "version: 3"),
            ])

    private static let model = list(
        .refusedByBoth,
        [
            ("s3://models/fraud/2026-11-20", "file:models/fraud"), ("s3://models/fraud/2026-11-20", "./models/fraud"),
            ("s3://models/fraud/2026-11-20", "http://models/fraud"), ("s3://models/fraud/2026-11-20", "s3://models"),
            ("s3://models/fraud/2026-11-20", "pvc://My_Claim/a"),
            ("s3://models/fraud/2026-11-20", "pvc://claim/a/../b"),
            ("version: \"2026-11-20\"", "version: \"\""), ("version: \"2026-11-20\"", "digest: sha256:12"),
            ("name: mlctl-test-mutated", "name: mlctl-proxy"), ("name: mlctl-test-mutated", "name: 2fast"),
            ("name: mlctl-test-mutated", "name: a.b"), ("name: mlctl-test-mutated", "name: Fraud"),
            (
                "name: mlctl-test-mutated",
                "name: a123456789012345678901234567890123456789012345678901234567890123"
            ),
        ])

    private static let runtime =
        list(
            .refusedByBoth,
            [
                ("image: server:1", "command: [server]"), ("{name: THREADS,", "{name: 2THREADS,"),
                ("{name: THREADS,", "{name: TOKEN,"), ("{name: THREADS,", "{name: \"..\","),
                ("secret: scorer-token", "secret: Scorer_Token"),
                ("value: \"2\"", "value: \"2\", valueFrom: {secret: a}"),
                ("{name: metrics,", "{name: http,"), ("{name: metrics,", "{name: metrics-and-traces,"),
                ("{name: metrics,", "{name: \"80\","), ("{name: metrics,", "{name: a--b,"),
                ("containerPort: 8082", "containerPort: 8080"), ("path: /ready", "path: ready"),
                ("periodSeconds: 5", "periodSeconds: 0"),
                ("httpGet: {path: /ready, port: http}", "exec: {command: [a]}"),
                ("periodSeconds: 5}", "tcpSocket: {}}"), ("file: warmup.jsonl", "file: /warmup.jsonl"),
                ("file: warmup.jsonl", "file: a/../../warmup.jsonl"), ("pool: gpu", "pool: \"gpu a100\""),
                ("operator: Exists", "operator: Exists, value: a"), ("operator: Exists", "operator: Equals"),
                ("{key: nvidia.com/gpu, operator: Exists", "{value: a"),
                ("effect: NoSchedule", "effect: NoSchedule, tolerationSeconds: 5"),
                ("key: nvidia.com/gpu", "key: a/b/c"), ("header: x-user-id", "header: \"x user\""),
                ("header: x-user-id", "header: a, cookie: b"),
            ])
        + list(
            .takenByBoth,
            [
                ("image: server:1", "name: mlserver"), ("{name: metrics,", "{name: abcdefghijklmno,"),
                ("file: warmup.jsonl", "file: a..b/warmup.jsonl"), ("operator: Exists, effect", "value: \"\", effect"),
                ("s3://models/fraud/2026-11-20", "pvc://claim/a..b"),
            ])

    private static let target =
        list(
            .refusedByBoth,
            [
                ("router: proxy", "router: istio"), ("router: proxy", "router: proxy, gateways: [{name: a}]"),
                ("kind: kubernetes, router: proxy", "router: proxy"),
                ("router: proxy", "router: gatewayAPI, gateways: []"),
                ("router: proxy", "router: replicaRatio"),
                ("target: {kind: kubernetes, router: proxy}", "target: {kind: local, router: proxy}"),
                (
                    "target: {kind: kubernetes, router: proxy}\n  replicas: 2",
                    "target: {kind: local}\n  replicas: external"
                ),
            ])
        + list(.takenByBoth, [("router: proxy", "cluster: prod")])

    private static let steps =
        list(
            .refusedByBoth,
            [
                ("    - setWeight: 100\n", ""), ("setWeight: 100", "setWeight: 99"), ("setWeight: 5", "setWeight: 100"),
                ("setWeight: 100\n", "setWeight: 100\n    - approval: {}\n"), ("setWeight: 5", "setWeight: 101"),
                ("approval: {}", "setWeight: 3"), ("setWeight: 5", "weight: 5"),
                ("- approval: {}", "- {approval: {}, pause: {}}"),
                ("duration: 2m", "duration: 2"), ("gate: {name: errs}", "gate: {name: errors}"),
                ("gate: {name: errs}", "gate: {name: p99, compare: {metric: slow}}"),
                ("gate: {name: errs}", "gate: {}"),
            ])
        + list(
            .takenByBoth,
            [
                ("approval: {}", "setWeight: 5"), ("approval: {}", "gate: {name: own, compare: {metric: slow}}"),
                ("gate: {name: errs}", "mirror: 100"), ("setWeight: 5", "setWeight: 0"),
            ])

    private static let gates = list(
        .refusedByBoth,
        [
            ("{name: p99,", "{name: errs,"), ("{name: p99, threshold", "{threshold"),
            ("metric: errors", "metric: fails"),
            ("metric: errors", "metric: errors, slowerThan: 1s"),
            ("metric: errors", "metric: latencyP95, maxAbsoluteIncrease: 0.1"),
            ("metric: errors,", "ratio: {of: a, per: b}, source: server,"),
            ("max: 0.25,", ""), ("max: 0.25,", "min: 0.5, max: 0.25,"), ("latencyP99, max: 0.25", "errors, max: 2"),
            ("metric: latencyP99", "query: up"), ("metric: latencyP99", "metric: latencyP99, source: prometheus"),
            ("compare: {metric: errors,", "threshold: {metric: errors, max: 0.1}, compare: {metric: errors,"),
        ])

    private static let strategies = list(
        .refusedByBoth,
        [
            ("strategy: canary", "strategy: canari"), ("strategy: canary", "strategy: canary\n    keepFor: 10m"),
            ("strategy: canary", "strategy: ab"),
            ("strategy: canary", "strategy: canary\n    ab: {goal: {outcome: {label: a}}}"),
            ("strategy: canary", "strategy: blueGreen"),
            ("strategy: canary", "strategy: canary\n    shadow: {tolerance: 1}"),
            ("strategy: canary\n    steps:\n    - setWeight: 5\n", "strategy: recreate\n    steps:\n    - mirror: 5\n"),
        ])

    private static let slices =
        list(
            .takenByBoth,
            [
                "{name: country, header: x-country, top: 20}",
                "{name: plan, path: parameters.plan, values: [free, paid]}",
                "{name: a, header: x-a, top: 12}, {name: b, header: x-b, top: 12}",
            ].map(inPlaceOfDeadline))
        + list(
            .refusedByBoth,
            [
                "{header: x-country, top: 20}", "{name: Country, header: x-country, top: 20}", "{name: a, header: x-a}",
                "{name: a, top: 3}", "{name: a, header: x-a, path: a, top: 3}", "{name: a, header: x-a, top: 21}",
                "{name: a, header: x-a, top: 3, values: [b]}", "{name: a, header: x-a, values: []}",
                "{name: a, header: x-a, values: [b, b]}", "{name: a, header: x-a, values: [other]}",
                "{name: a, header: Authorization, top: 3}", "{name: a, header: x a, top: 3}",
                "{name: a, header: x-a, top: 3}, {name: a, header: x-b, top: 3}",
                "{name: a, header: x-a, top: 13}, {name: b, header: x-b, top: 12}",
                "{name: a, header: x-a, values: [\"b\\u0007\"]}", "{name: a, header: x-a, values: [\"b\\u202e\"]}",
            ].map(inPlaceOfDeadline))

    private static func inPlaceOfDeadline(_ slices: String) -> (String, String) {
        ("progressDeadline: 10m", "progressDeadline: 10m\n    slices: [\(slices)]")
    }

    private static let differences =
        list(
            .refusedByServerOnly(.decimalWithoutQuotes),
            [("version: \"2026-11-20\"", "version: 1.10"), ("cpu: 1500m", "cpu: 0.5")])
        + list(.refusedByBoth, [("team: risk", "team: risk & fraud"), ("team: risk", "a/b/c: risk")])
        + list(.refusedByMlctlOnly(.references), [("image: server:1", "name: nobody")])
        + list(.refusedByMlctlOnly(.namesWithin), [("port: http}", "port: grpc}")])
        + list(.refusedByMlctlOnly(.openObjects), [("{name: logger, image: logger, ", "{name: logger, ")])
        + list(
            .refusedByMlctlOnly(.quantitiesAndKeys),
            [
                ("pool: gpu", "\"a b\": gpu"), ("memory: 4Gi", "memry: 4Gi"), ("cpu: 1500m", "cpu: 0.5m"),
                ("limits: {cpu: 1500m,", "requests: {cpu: 2}, limits: {cpu: 1500m,"),
            ])
        + list(
            .refusedByMlctlOnly(.languages),
            [
                (
                    "metric: latencyP99, max: 0.25",
                    "source: prometheus, query: \"up{r='{{revison}}'}\", max: 0.25"
                ),
                ("max: 0.25,", "condition: \"value <\","),
            ])
        + list(
            .refusedByMlctlOnly(.gatesInTheirPlace),
            [("compare: {metric: errors, maxRelativeIncrease: 0.10}", "agreement: {min: 0.9}")])
        + list(
            .takenByBoth,
            [("endpoint: {port: 80,", "endpoint: {port: 8090,")])
        + list(.refusedByServerOnly(.null), [("replicas: 2", "replicas:")])
}
