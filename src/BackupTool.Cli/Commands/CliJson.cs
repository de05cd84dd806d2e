using System.Text.Json.Serialization;

namespace BackupTool.Cli.Commands;

/// <summary>The documents of --json: a stable contract.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(InitDocument))]
[JsonSerializable(typeof(NowDocument))]
[JsonSerializable(typeof(ListDocument))]
[JsonSerializable(typeof(RestoreDocument))]
[JsonSerializable(typeof(InPlaceDocument))]
[JsonSerializable(typeof(RollbackDocument))]
[JsonSerializable(typeof(WipeDocument))]
[JsonSerializable(typeof(WipePlanDocument))]
[JsonSerializable(typeof(PreviousStatesDocument))]
[JsonSerializable(typeof(ForgottenDocument))]
[JsonSerializable(typeof(RecoverDocument))]
[JsonSerializable(typeof(VerifyDocument))]
[JsonSerializable(typeof(SnapshotDocument))]
[JsonSerializable(typeof(MembersDocument))]
[JsonSerializable(typeof(QueryDocument))]
[JsonSerializable(typeof(TablesDocument))]
[JsonSerializable(typeof(DiffDocument))]
[JsonSerializable(typeof(FindDocument))]
[JsonSerializable(typeof(PruneDocument))]
[JsonSerializable(typeof(RepairDocument))]
[JsonSerializable(typeof(ConfigDocument))]
[JsonSerializable(typeof(CheckDocument))]
[JsonSerializable(typeof(ExportDocument))]
[JsonSerializable(typeof(ImportDocument))]
[JsonSerializable(typeof(HealthDocument))]
[JsonSerializable(typeof(NotifyTestDocument))]
[JsonSerializable(typeof(UnitFailedDocument))]
internal sealed partial class CliJson : JsonSerializerContext;
