import Foundation

/// S3 and STS as moto simulates them: a real server in its own process, which checks signatures. `make deps-stores` installs it.
package final class MotoServer {
    private static let venv = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: ".build/venv-moto").path(percentEncoded: false)

    package static let isAvailable = FileManager.default.fileExists(atPath: "\(venv)/bin/moto_server")

    package struct Failure: Error { package var reason: String }

    package let port: Int
    /// Of a user who may read all buckets.
    package let keyId: String
    package let secret: String
    private let process: ChildProcess

    /// - Parameter folder: holds a folder for each bucket, with the bucket's objects.
    package init(_ folder: URL) throws {
        process = try ChildProcess(["\(Self.venv)/bin/python", "-c", Self.program, folder.path(percentEncoded: false)])
        let words = try process.readLine()?.split(separator: " ").map(String.init) ?? []
        guard words.count == 3, let port = Int(words[0]) else { throw Failure(reason: "moto did not start: \(words)") }
        (self.port, keyId, secret) = (port, words[1], words[2])
        try ChildProcess.run([
            "curl", "--silent", "--fail", "--header", "Content-Type: text/plain", "--data", "0",
            "\(endpoint)/moto-api/reset-auth",
        ])
    }

    package var endpoint: String { "http://127.0.0.1:\(port)" }

    /// What a client needs to read from it.
    package var environment: [String: String] {
        [
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": keyId, "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        ]
    }

    /// - Returns: the object's version.
    @discardableResult
    package func put(_ text: String, _ place: String) throws -> String {
        let answer = try ChildProcess.run([
            "curl", "--silent", "--fail", "--request", "PUT", "--header", "Content-Type: application/octet-stream",
            "--data-binary", text, "--dump-header", "-", "--user",
            "\(keyId):\(secret)", "--aws-sigv4", "aws:amz:us-east-1:s3", "\(endpoint)/\(place)",
        ])
        let line = answer.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("x-amz-version-id:") }
        return line.map { $0.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces) } ?? ""
    }

    private static let program = #"""
        import json, os, sys
        import boto3
        from moto.server import ThreadedMotoServer
        sys.stderr = open(os.devnull, "w")
        folder = sys.argv[1]
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        port = server.get_host_and_port()[1]
        known = dict(endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="a",
                     aws_secret_access_key="b")
        s3, iam = boto3.client("s3", **known), boto3.client("iam", **known)
        for bucket in sorted(os.listdir(folder)):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            top = os.path.join(folder, bucket)
            for place, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(place, name)
                    s3.upload_file(path, bucket, os.path.relpath(path, top))
        iam.create_user(UserName="reader")
        rule = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
        iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(rule))
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        print(port, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
