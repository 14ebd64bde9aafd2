// swift-tools-version: 6.2
import PackageDescription

/// The house: one target a module, arrows one way only. `Tests/HouseTests` holds the sources to it.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
]

/// libFuzzer's archive, which `make fuzz` names: then modules tell it which of their branches an input takes.
let fuzzer = Context.environment["MLCTL_FUZZER"]
let traced: [SwiftSetting] = fuzzer == nil ? [] : [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])]

func module(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict + traced)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: strict)
}

extension Target.Dependency {
    static let yams = product(name: "Yams", package: "Yams")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    /// RSA, for the tokens of Google's service accounts.
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let collections = product(name: "Collections", package: "swift-collections")
    static let numerics = product(name: "RealModule", package: "swift-numerics")
    static let logging = product(name: "Logging", package: "swift-log")
    static let subprocess = product(name: "Subprocess", package: "swift-subprocess")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTP2 = product(name: "NIOHTTP2", package: "swift-nio-http2")
    static let nioHPACK = product(name: "NIOHPACK", package: "swift-nio-http2")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let mustache = product(name: "Mustache", package: "swift-mustache")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let system = product(name: "SystemPackage", package: "swift-system")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
}

/// Parsers of what others write, and what must hold of them: as tests, or as the program of `make fuzz`.
let parsers: [Target.Dependency] = [
    "SafeText", "JSON", "HTTP1", "Transport", "ModelManifests", "Analysis", "Serving", "Rollouts", "GitSource",
    "ModelStorage",
    "LocalServing",
    "TrafficProxy", "MetricSources", "KubernetesClient", "KubernetesServing", "Notifications", "Journal", "ControlAPI",
    "InferenceServer", "Commands", .nioCore, .nioHTTP1, .nioHTTP2, .nioHPACK,
]
let fuzzing: [Target] =
    if let fuzzer {
        [
            .systemLibrary(name: "CLibFuzzer", path: "Tests/CLibFuzzer"),
            .executableTarget(
                name: "Fuzz", dependencies: parsers + ["CLibFuzzer"], path: "Tests/FuzzTests",
                exclude: ["Corpus", "Suite"],
                swiftSettings: strict,
                linkerSettings: [
                    .unsafeFlags(
                        ["-Xlinker", fuzzer, "-lstdc++", "-Xlinker", "-Map=.build/fuzz/release/Fuzz.map"]
                            + ["8bit_counters", "pcs"].flatMap { ["-Xlinker", "--wrap=__sanitizer_cov_\($0)_init"] })
                ]),
        ]
    } else {
        [tests("FuzzTests", parsers, exclude: ["Corpus", "LibFuzzer"])]
    }

let package = Package(
    name: "mlctl",
    products: [.executable(name: "mlctl", targets: ["mlctl"])],
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // Ground: shared by all, knows no models.
        module("SafeText", []),
        module("JSON", ["SafeText"]),
        module("HTTP1", ["SafeText"]),
        module("Transport", [.nioCore, .nioPosix, .nioSSL, .asyncHTTPClient]),

        // Pure: no input or output, no clock.
        module("ModelManifests", ["SafeText", "JSON", .collections, .yams, .crypto]),
        module("Serving", ["SafeText", "JSON", "ModelManifests"]),
        module("Analysis", ["ModelManifests", "Serving", .numerics]),
        module("Rollouts", ["SafeText", "ModelManifests", "Analysis", "Serving"]),

        // The ports between the loop and what is outside, and the values that cross them.
        module("ControlPorts", ["Transport", "ModelManifests", "Analysis", "Serving", "Rollouts", .crypto]),

        // Adapters: one thing outside each.
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CLinuxProcess", swiftSettings: strict),
        module("SecretFiles", []),
        module(
            "GitSource",
            ["SafeText", "Transport", "ModelManifests", "CLinuxProcess", .subprocess, .system, .logging]),
        module(
            "ModelStorage",
            ["SafeText", "Transport", "CCurl", "CZlib", "CLinuxProcess", .crypto, .cryptoExtras, .logging]),
        module(
            "LocalServing",
            [
                "SafeText", "HTTP1", "Transport", "SecretFiles", "Serving", "ModelStorage", "CLinuxProcess", .nioCore,
                .nioPosix,
                .nioHTTP1, .asyncHTTPClient, .logging,
            ]),
        module(
            "TrafficProxy",
            [
                "SafeText", "JSON", "HTTP1", "Transport", "Serving", "CZlib", .nioCore, .nioPosix, .nioHTTP1, .nioHTTP2,
                .nioHPACK, .nioSSL, .nioTLS, .logging,
            ]),
        module(
            "MetricSources",
            [
                "SafeText", "JSON", "Transport", "SecretFiles", "ControlPorts", "CLinuxProcess", .asyncHTTPClient,
                .subprocess,
                .system,
                .nioSSL, .logging,
            ]),
        module(
            "KubernetesClient",
            [
                "SafeText", "JSON", "Transport", .collections, .asyncHTTPClient, .nioCore, .nioPosix, .nioHTTP1,
                .nioSSL, .subprocess,
                .system, .yams,
                .logging,
            ]),
        module(
            "KubernetesServing",
            [
                "SafeText", "JSON", "Transport", "Analysis", "Serving", "Rollouts", "ControlPorts", "KubernetesClient",
                .crypto,
                .logging,
            ]),
        module("Notifications", ["SafeText", "Transport", "ControlPorts", .asyncHTTPClient, .crypto, .logging]),
        module("Journal", ["Transport", "ControlPorts", .grdb]),

        // Control.
        module("ControllerRuntime", ["Transport", .collections, .logging]),
        module(
            "Controller",
            [
                "SafeText", "Transport", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts",
                "ControllerRuntime", .logging,
            ]),
        module(
            "ControlAPI",
            [
                "SafeText", "JSON", "Transport", "ModelManifests", "Rollouts", "Serving", "ControlPorts", "Dashboard",
                .hummingbird, .hummingbirdCore,
                .serviceLifecycle, .crypto,
                .nioCore, .nioPosix, .nioHTTP1, .nioSSL, .asyncHTTPClient, .logging,
            ]),
        module(
            "Demo",
            [
                "Transport", "ModelManifests", "Rollouts", "ControlPorts", "LocalServing", "ControlAPI", "Presentation",
                .asyncHTTPClient, .nioCore, .subprocess, .system,
            ],
            resources: [
                .embedInCode("Resources/model-v1.json"), .embedInCode("Resources/model-v2.json"),
                .embedInCode("Resources/model-v3.json"), .embedInCode("Resources/requests.jsonl"),
            ]),
        module(
            "Presentation",
            [
                "SafeText", "JSON", "Transport", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts",
                .yams,
            ],
            resources: [
                .embedInCode("Resources/github-actions.yaml"), .embedInCode("Resources/gitlab-ci.yaml"),
            ]),
        module(
            "Dashboard",
            [
                "SafeText", "ModelManifests", "Analysis", "Serving", "Rollouts", "ControlPorts", "Presentation",
                .mustache,
            ],
            resources: [
                "layout", "fleet", "rows", "deployment", "gate", "facts", "rollout", "rolloutbody", "report", "confirm",
                "logs",
                "login", "message",
            ].map { .embedInCode("Resources/\($0).mustache") } + [
                .embedInCode("Resources/dashboard.css"), .embedInCode("Resources/dashboard.js"),
                .embedInCode("Resources/icon.svg"),
            ]),
        module("InferenceServer", ["SafeText", .nioCore, .nioPosix, .nioHTTP1]),
        module(
            "Commands",
            [
                "SafeText", "JSON", "Transport", "SecretFiles", "ModelManifests", "Analysis", "Serving", "Rollouts",
                "GitSource",
                "ModelStorage",
                "LocalServing",
                "TrafficProxy", "KubernetesClient", "KubernetesServing", "MetricSources", "Notifications", "Journal",
                "ControlPorts", "ControllerRuntime", "Controller", "Presentation", "Demo", "CLinuxProcess",
                "ControlAPI",
                "InferenceServer", .argumentParser, .asyncHTTPClient, .nioSSL, .serviceLifecycle,
                .subprocess,
                .system, .logging, .yams,
            ]),
        .executableTarget(name: "mlctl", dependencies: ["Commands"], swiftSettings: strict),

        // Tests mirror the sources.
        .target(
            name: "TestSupport",
            dependencies: [
                "JSON", "HTTP1", "Transport", "ControlPorts", "Controller", "ControlAPI", "KubernetesClient", .numerics,
                .nioCore,
                .nioPosix, .nioHTTP1,
                .asyncHTTPClient, .logging,
            ],
            path: "Tests/TestSupport",
            exclude: ["Fixtures"], swiftSettings: strict),
        tests("SafeTextTests", ["SafeText"]),
        tests("JSONTests", ["JSON"]),
        tests("HTTP1Tests", ["HTTP1"]),
        tests("TransportTests", ["Transport"]),
        tests("ModelManifestsTests", ["ModelManifests"]),
        tests("AnalysisTests", ["Analysis", "Serving"]),
        tests("ServingTests", ["Serving"]),
        tests("RolloutsTests", ["Rollouts"], exclude: ["Fixtures"]),
        tests("SimulationTests", ["Rollouts", "ControlPorts", "Controller", "KubernetesClient", "KubernetesServing"]),
        tests("GitSourceTests", ["GitSource"]),
        tests("SecretFilesTests", ["SecretFiles"]),
        tests("ModelStorageTests", ["ModelStorage"]),
        tests("LocalServingTests", ["LocalServing"]),
        tests("TrafficProxyTests", ["TrafficProxy", "CZlib", .nioHTTP2, .nioHPACK, .nioSSL]),
        tests(
            "KubernetesClientTests", ["KubernetesClient", .nioCore, .nioPosix, .nioHTTP1, .nioSSL, .logging],
            exclude: ["Fixtures"]),
        tests("KubernetesServingTests", ["KubernetesServing", .yams]),
        tests("KubernetesConformanceTests", ["KubernetesServing"]),
        tests("MetricSourcesTests", ["MetricSources"]),
        tests("NotificationsTests", ["Notifications"]),
        tests("JournalTests", ["Journal"]),
        tests("ControlPortsTests", ["ControlPorts"]),
        tests("ControllerRuntimeTests", ["ControllerRuntime"]),
        tests("ControllerTests", ["Controller"]),
        tests("ControlAPITests", ["ControlAPI"]),
        tests("InferenceServerTests", ["InferenceServer"], exclude: ["Fixtures"]),
        tests("PresentationTests", ["Presentation", "Controller"]),
        tests("DashboardTests", ["Dashboard", "Presentation"]),
        tests("DemoTests", ["Demo"]),
        tests("CommandsTests", ["Commands", "Presentation", "KubernetesClient"]),
        tests(
            "EndToEndTests",
            ["Commands", "Demo", "mlctl", "KubernetesClient", .asyncHTTPClient, .nioCore, .logging, .yams]),
        tests("HouseTests", ["ModelManifests", .yams]),
    ] + fuzzing + [
        .executableTarget(
            name: "Benchmarks",
            dependencies: [
                "TestSupport", "Commands", "Demo", "ControlPorts", "Controller", "GitSource", "KubernetesClient",
                "ModelManifests", "Analysis",
                "Serving", "Rollouts", "Journal", .logging, .numerics,
            ],
            path: "Tests/Benchmarks", swiftSettings: strict)
    ]
)
