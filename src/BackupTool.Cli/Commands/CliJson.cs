using System.Text.Json.Serialization;

namespace BackupTool.Cli.Commands;

/// <summary>The documents of --json: a stable contract.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(InitDocument))]
[JsonSerializable(typeof(NowDocument))]
[JsonSerializable(typeof(ListDocument))]
[JsonSerializable(typeof(RestoreDocument))]
[JsonSerializable(typeof(VerifyDocument))]
internal sealed partial class CliJson : JsonSerializerContext;
