"""OpenTelemetry's semantic conventions: keys of attributes, and values of those that are enumerations.

Made by docs/otel.py from opentelemetry-semantic-conventions 0.66b2. Don't edit.
"""

from __future__ import annotations

from handrail.packets.sanitise.known.tables import table, words

SOURCE = "opentelemetry-semantic-conventions 0.66b2"
KEYS = words(
    """
app.build_id app.crash.id app.installation.id app.jank.frame_count app.jank.period app.jank.threshold
app.screen.coordinate.x app.screen.coordinate.y app.screen.id app.screen.name app.widget.id app.widget.name
artifact.attestation.filename artifact.attestation.hash artifact.attestation.id artifact.filename artifact.hash
artifact.purl artifact.version aws.bedrock.guardrail.id aws.bedrock.knowledge_base.id
aws.dynamodb.attribute_definitions aws.dynamodb.attributes_to_get aws.dynamodb.consistent_read
aws.dynamodb.consumed_capacity aws.dynamodb.count aws.dynamodb.exclusive_start_table
aws.dynamodb.global_secondary_index_updates aws.dynamodb.global_secondary_indexes aws.dynamodb.index_name
aws.dynamodb.item_collection_metrics aws.dynamodb.limit aws.dynamodb.local_secondary_indexes aws.dynamodb.projection
aws.dynamodb.provisioned_read_capacity aws.dynamodb.provisioned_write_capacity aws.dynamodb.scan_forward
aws.dynamodb.scanned_count aws.dynamodb.segment aws.dynamodb.select aws.dynamodb.table_count
aws.dynamodb.table_names aws.dynamodb.total_segments aws.ecs.cluster.arn aws.ecs.container.arn aws.ecs.launchtype
aws.ecs.task.arn aws.ecs.task.family aws.ecs.task.id aws.ecs.task.revision aws.eks.cluster.arn
aws.extended_request_id aws.kinesis.stream_name aws.lambda.invoked_arn aws.lambda.resource_mapping.id
aws.log.group.arns aws.log.group.names aws.log.stream.arns aws.log.stream.names aws.request_id aws.s3.bucket
aws.s3.copy_source aws.s3.delete aws.s3.key aws.s3.part_number aws.s3.upload_id aws.secretsmanager.secret.arn
aws.sns.topic.arn aws.sqs.queue.url aws.step_functions.activity.arn aws.step_functions.state_machine.arn
az.namespace az.service_request_id azure.client.id azure.cosmosdb.connection.mode azure.cosmosdb.consistency.level
azure.cosmosdb.operation.contacted_regions azure.cosmosdb.operation.request_charge azure.cosmosdb.request.body.size
azure.cosmosdb.response.sub_status_code azure.resource_group.name azure.resource_provider.namespace
azure.service.request.id browser.brands browser.document.url.full browser.language browser.mobile browser.platform
browser.web_vital.delta browser.web_vital.id browser.web_vital.name browser.web_vital.navigation_type
browser.web_vital.rating browser.web_vital.value cassandra.consistency.level cassandra.coordinator.dc
cassandra.coordinator.id cassandra.page.size cassandra.query.idempotent cassandra.speculative_execution.count
cicd.pipeline.action.name cicd.pipeline.name cicd.pipeline.result cicd.pipeline.run.id cicd.pipeline.run.state
cicd.pipeline.run.url.full cicd.pipeline.task.name cicd.pipeline.task.run.id cicd.pipeline.task.run.result
cicd.pipeline.task.run.url.full cicd.pipeline.task.type cicd.system.component cicd.worker.id cicd.worker.name
cicd.worker.state cicd.worker.url.full client.address client.port cloud.account.id cloud.availability_zone
cloud.platform cloud.provider cloud.region cloud.resource_id cloudevents.event_id cloudevents.event_source
cloudevents.event_spec_version cloudevents.event_subject cloudevents.event_type cloudfoundry.app.id
cloudfoundry.app.instance.id cloudfoundry.app.name cloudfoundry.org.id cloudfoundry.org.name cloudfoundry.process.id
cloudfoundry.process.type cloudfoundry.space.id cloudfoundry.space.name cloudfoundry.system.id
cloudfoundry.system.instance.id code.column code.column.number code.file.path code.filepath code.function
code.function.name code.line.number code.lineno code.namespace code.stacktrace container.command
container.command_args container.command_line container.cpu.state container.csi.plugin.name container.csi.volume.id
container.id container.image.id container.image.name container.image.repo_digests container.image.tags
container.label container.labels container.name container.runtime container.runtime.description
container.runtime.name container.runtime.version cpu.logical_number cpu.mode cpython.gc.generation
db.cassandra.consistency_level db.cassandra.coordinator.dc db.cassandra.coordinator.id db.cassandra.idempotence
db.cassandra.page_size db.cassandra.speculative_execution_count db.cassandra.table db.client.connection.pool.name
db.client.connection.state db.client.connections.pool.name db.client.connections.state db.collection.name
db.connection_string db.cosmosdb.client_id db.cosmosdb.connection_mode db.cosmosdb.consistency_level
db.cosmosdb.container db.cosmosdb.operation_type db.cosmosdb.regions_contacted db.cosmosdb.request_charge
db.cosmosdb.request_content_length db.cosmosdb.status_code db.cosmosdb.sub_status_code db.elasticsearch.cluster.name
db.elasticsearch.node.name db.elasticsearch.path_parts db.instance.id db.jdbc.driver_classname db.mongodb.collection
db.mssql.instance_name db.name db.namespace db.operation db.operation.batch.size db.operation.name
db.operation.parameter db.query.parameter db.query.summary db.query.text db.redis.database_index
db.response.returned_rows db.response.status_code db.sql.table db.statement db.stored_procedure.name db.system
db.system.name db.user deployment.environment deployment.environment.name deployment.id deployment.name
deployment.status destination.address destination.port device.id device.manufacturer device.model.identifier
device.model.name disk.io.direction dns.answers dns.question.name elasticsearch.node.name enduser.id
enduser.pseudo.id enduser.role enduser.scope error.message error.type event.name exception.escaped exception.message
exception.stacktrace exception.type faas.coldstart faas.cron faas.document.collection faas.document.name
faas.document.operation faas.document.time faas.instance faas.invocation_id faas.invoked_name faas.invoked_provider
faas.invoked_region faas.max_memory faas.name faas.time faas.trigger faas.version feature_flag.context.id
feature_flag.error.message feature_flag.evaluation.error.message feature_flag.evaluation.reason feature_flag.key
feature_flag.provider.name feature_flag.result.reason feature_flag.result.value feature_flag.result.variant
feature_flag.set.id feature_flag.variant feature_flag.version file.accessed file.attributes file.changed
file.created file.directory file.extension file.fork_name file.group.id file.group.name file.inode
file.lock.mechanism file.lock.mode file.lock.type file.mode file.modified file.name file.owner.id file.owner.name
file.path file.size file.symbolic_link.target_path gcp.apphub.application.container gcp.apphub.application.id
gcp.apphub.application.location gcp.apphub.service.criticality_type gcp.apphub.service.environment_type
gcp.apphub.service.id gcp.apphub.workload.criticality_type gcp.apphub.workload.environment_type
gcp.apphub.workload.id gcp.apphub_destination.application.container gcp.apphub_destination.application.id
gcp.apphub_destination.application.location gcp.apphub_destination.service.criticality_type
gcp.apphub_destination.service.environment_type gcp.apphub_destination.service.id
gcp.apphub_destination.workload.criticality_type gcp.apphub_destination.workload.environment_type
gcp.apphub_destination.workload.id gcp.client.service gcp.cloud_run.job.execution gcp.cloud_run.job.task_index
gcp.gce.instance.hostname gcp.gce.instance.labels gcp.gce.instance.name gcp.gce.instance_group_manager.name
gcp.gce.instance_group_manager.region gcp.gce.instance_group_manager.zone gen_ai.agent.description gen_ai.agent.id
gen_ai.agent.name gen_ai.agent.version gen_ai.completion gen_ai.conversation.id gen_ai.data_source.id
gen_ai.embeddings.dimension.count gen_ai.evaluation.explanation gen_ai.evaluation.name gen_ai.evaluation.score.label
gen_ai.evaluation.score.value gen_ai.input.messages gen_ai.openai.request.response_format gen_ai.openai.request.seed
gen_ai.openai.request.service_tier gen_ai.openai.response.service_tier gen_ai.openai.response.system_fingerprint
gen_ai.operation.name gen_ai.output.messages gen_ai.output.type gen_ai.prompt gen_ai.prompt.name
gen_ai.provider.name gen_ai.request.choice.count gen_ai.request.encoding_formats gen_ai.request.frequency_penalty
gen_ai.request.max_tokens gen_ai.request.model gen_ai.request.presence_penalty gen_ai.request.seed
gen_ai.request.stop_sequences gen_ai.request.stream gen_ai.request.temperature gen_ai.request.top_k
gen_ai.request.top_p gen_ai.response.finish_reasons gen_ai.response.id gen_ai.response.model
gen_ai.response.time_to_first_chunk gen_ai.retrieval.documents gen_ai.retrieval.query.text gen_ai.system
gen_ai.system_instructions gen_ai.token.type gen_ai.tool.call.arguments gen_ai.tool.call.id gen_ai.tool.call.result
gen_ai.tool.definitions gen_ai.tool.description gen_ai.tool.name gen_ai.tool.type
gen_ai.usage.cache_creation.input_tokens gen_ai.usage.cache_read.input_tokens gen_ai.usage.completion_tokens
gen_ai.usage.input_tokens gen_ai.usage.output_tokens gen_ai.usage.prompt_tokens gen_ai.usage.reasoning.output_tokens
gen_ai.workflow.name geo.continent.code geo.country.iso_code geo.locality.name geo.location.lat geo.location.lon
geo.postal_code geo.region.iso_code graphql.document graphql.operation.name graphql.operation.type heroku.app.id
heroku.release.commit heroku.release.creation_timestamp host.arch host.cpu.cache.l2.size host.cpu.family
host.cpu.model.id host.cpu.model.name host.cpu.stepping host.cpu.vendor.id host.id host.image.id host.image.name
host.image.version host.ip host.mac host.name host.type http.client_ip http.connection.state http.flavor http.host
http.method http.request.body.size http.request.header http.request.method http.request.method_original
http.request.resend_count http.request.size http.request_content_length http.request_content_length_uncompressed
http.response.body.size http.response.header http.response.size http.response.status_code
http.response_content_length http.response_content_length_uncompressed http.route http.scheme http.server_name
http.status_code http.target http.url http.user_agent hw.battery.capacity hw.battery.chemistry hw.battery.state
hw.bios_version hw.driver_version hw.enclosure.type hw.firmware_version hw.gpu.task hw.id hw.limit_type
hw.logical_disk.raid_level hw.logical_disk.state hw.memory.type hw.model hw.name hw.network.logical_addresses
hw.network.physical_address hw.parent hw.physical_disk.smart_attribute hw.physical_disk.state hw.physical_disk.type
hw.sensor_location hw.serial_number hw.state hw.tape_drive.operation_type hw.type hw.vendor jsonrpc.protocol.version
jsonrpc.request.id k8s.cluster.name k8s.cluster.uid k8s.container.ephemeral_storage.fs_type k8s.container.name
k8s.container.restart_count k8s.container.status.last_terminated_reason k8s.container.status.reason
k8s.container.status.state k8s.cronjob.annotation k8s.cronjob.label k8s.cronjob.name k8s.cronjob.uid
k8s.daemonset.annotation k8s.daemonset.label k8s.daemonset.name k8s.daemonset.uid k8s.deployment.annotation
k8s.deployment.label k8s.deployment.name k8s.deployment.uid k8s.hpa.metric.type k8s.hpa.name
k8s.hpa.scaletargetref.api_version k8s.hpa.scaletargetref.kind k8s.hpa.scaletargetref.name k8s.hpa.uid
k8s.hugepage.size k8s.job.annotation k8s.job.label k8s.job.name k8s.job.uid k8s.namespace.annotation
k8s.namespace.label k8s.namespace.name k8s.namespace.phase k8s.node.annotation k8s.node.condition.status
k8s.node.condition.type k8s.node.label k8s.node.name k8s.node.system_container.name k8s.node.uid
k8s.persistentvolume.annotation k8s.persistentvolume.label k8s.persistentvolume.name
k8s.persistentvolume.reclaim_policy k8s.persistentvolume.status.phase k8s.persistentvolume.uid
k8s.persistentvolumeclaim.annotation k8s.persistentvolumeclaim.label k8s.persistentvolumeclaim.name
k8s.persistentvolumeclaim.status.phase k8s.persistentvolumeclaim.uid k8s.pod.annotation k8s.pod.hostname k8s.pod.ip
k8s.pod.label k8s.pod.labels k8s.pod.name k8s.pod.start_time k8s.pod.status.phase k8s.pod.status.reason k8s.pod.uid
k8s.replicaset.annotation k8s.replicaset.label k8s.replicaset.name k8s.replicaset.uid k8s.replicationcontroller.name
k8s.replicationcontroller.uid k8s.resourcequota.name k8s.resourcequota.resource_name k8s.resourcequota.uid
k8s.service.annotation k8s.service.endpoint.address_type k8s.service.endpoint.condition k8s.service.endpoint.zone
k8s.service.label k8s.service.name k8s.service.publish_not_ready_addresses k8s.service.selector
k8s.service.traffic_distribution k8s.service.type k8s.service.uid k8s.statefulset.annotation k8s.statefulset.label
k8s.statefulset.name k8s.statefulset.uid k8s.storageclass.name k8s.volume.name k8s.volume.type
linux.memory.slab.state log.file.name log.file.name_resolved log.file.path log.file.path_resolved log.iostream
log.record.original log.record.uid mainframe.lpar.name mcp.method.name mcp.protocol.version mcp.resource.uri
mcp.session.id message.compressed_size message.id message.type message.uncompressed_size
messaging.batch.message_count messaging.client.id messaging.consumer.group.name messaging.destination.anonymous
messaging.destination.name messaging.destination.partition.id messaging.destination.subscription.name
messaging.destination.template messaging.destination.temporary messaging.destination_publish.anonymous
messaging.destination_publish.name messaging.eventhubs.consumer.group messaging.eventhubs.message.enqueued_time
messaging.gcp_pubsub.message.ack_deadline messaging.gcp_pubsub.message.ack_id
messaging.gcp_pubsub.message.delivery_attempt messaging.gcp_pubsub.message.ordering_key messaging.kafka.cluster.id
messaging.kafka.consumer.group messaging.kafka.destination.partition messaging.kafka.message.key
messaging.kafka.message.offset messaging.kafka.message.tombstone messaging.kafka.offset messaging.message.body.size
messaging.message.conversation_id messaging.message.envelope.size messaging.message.id messaging.operation
messaging.operation.name messaging.operation.type messaging.rabbitmq.destination.routing_key
messaging.rabbitmq.message.delivery_tag messaging.rocketmq.client_group messaging.rocketmq.consumption_model
messaging.rocketmq.message.delay_time_level messaging.rocketmq.message.delivery_timestamp
messaging.rocketmq.message.group messaging.rocketmq.message.keys messaging.rocketmq.message.tag
messaging.rocketmq.message.type messaging.rocketmq.namespace messaging.servicebus.destination.subscription_name
messaging.servicebus.disposition_status messaging.servicebus.message.delivery_count
messaging.servicebus.message.enqueued_time messaging.system net.host.ip net.host.name net.host.port net.peer.ip
net.peer.name net.peer.port net.protocol.name net.protocol.version net.sock.family net.sock.host.addr
net.sock.host.port net.sock.peer.addr net.sock.peer.name net.sock.peer.port net.transport network.carrier.icc
network.carrier.mcc network.carrier.mnc network.carrier.name network.connection.state network.connection.subtype
network.connection.type network.interface.name network.io.direction network.local.address network.local.port
network.peer.address network.peer.port network.protocol.name network.protocol.version network.transport network.type
nfs.operation.name nfs.server.repcache.status oci.manifest.digest onc_rpc.procedure.name onc_rpc.procedure.number
onc_rpc.program.name onc_rpc.version openai.api.type openai.request.service_tier openai.response.service_tier
openai.response.system_fingerprint openshift.clusterquota.name openshift.clusterquota.uid opentracing.ref_type
oracle.db.domain oracle.db.instance.name oracle.db.name oracle.db.pdb oracle.db.service oracle_cloud.realm
os.build_id os.description os.name os.type os.version otel.component.name otel.component.type otel.event.name
otel.library.name otel.library.version otel.scope.name otel.scope.schema_url otel.scope.version
otel.span.parent.origin otel.span.sampling_result otel.status_code otel.status_description peer.service pool.name
pprof.location.is_folded pprof.mapping.has_filenames pprof.mapping.has_functions pprof.mapping.has_inline_frames
pprof.mapping.has_line_numbers pprof.profile.comment pprof.profile.doc_url pprof.profile.drop_frames
pprof.profile.keep_frames pprof.scope.default_sample_type pprof.scope.sample_type_order process.args_count
process.command process.command_args process.command_line process.context_switch.type process.cpu.state
process.creation.time process.environment_variable process.executable.build_id.gnu process.executable.build_id.go
process.executable.build_id.htlhash process.executable.build_id.profiling process.executable.name
process.executable.path process.exit.code process.exit.time process.group_leader.pid process.interactive
process.linux.cgroup process.owner process.paging.fault_type process.parent_pid process.pid process.real_user.id
process.real_user.name process.runtime.description process.runtime.name process.runtime.version
process.saved_user.id process.saved_user.name process.session_leader.pid process.state process.title process.user.id
process.user.name process.vpid process.working_directory profile.frame.type rpc.connect_rpc.error_code
rpc.connect_rpc.request.metadata rpc.connect_rpc.response.metadata rpc.grpc.request.metadata
rpc.grpc.response.metadata rpc.grpc.status_code rpc.jsonrpc.error_code rpc.jsonrpc.error_message
rpc.jsonrpc.request_id rpc.jsonrpc.version rpc.message.compressed_size rpc.message.id rpc.message.type
rpc.message.uncompressed_size rpc.method rpc.method_original rpc.request.metadata rpc.response.metadata
rpc.response.status_code rpc.service rpc.system rpc.system.name security_rule.category security_rule.description
security_rule.license security_rule.name security_rule.reference security_rule.ruleset.name security_rule.uuid
security_rule.version server.address server.port service.criticality service.instance.id service.name
service.namespace service.peer.name service.peer.namespace service.version session.id session.previous_id
source.address source.port state system.cpu.logical_number system.cpu.state system.device system.filesystem.mode
system.filesystem.mountpoint system.filesystem.state system.filesystem.type system.memory.linux.hugepages.state
system.memory.linux.slab.state system.memory.state system.network.state system.paging.direction
system.paging.fault.type system.paging.state system.paging.type system.process.status system.processes.status
telemetry.distro.name telemetry.distro.version telemetry.sdk.language telemetry.sdk.name telemetry.sdk.version
test.case.name test.case.result.status test.suite.name test.suite.run.status thread.id thread.name tls.cipher
tls.client.certificate tls.client.certificate_chain tls.client.hash.md5 tls.client.hash.sha1 tls.client.hash.sha256
tls.client.issuer tls.client.ja3 tls.client.not_after tls.client.not_before tls.client.server_name
tls.client.subject tls.client.supported_ciphers tls.curve tls.established tls.next_protocol tls.protocol.name
tls.protocol.version tls.resumed tls.server.certificate tls.server.certificate_chain tls.server.hash.md5
tls.server.hash.sha1 tls.server.hash.sha256 tls.server.issuer tls.server.ja3s tls.server.not_after
tls.server.not_before tls.server.subject url.domain url.extension url.fragment url.full url.original url.path
url.port url.query url.registered_domain url.scheme url.subdomain url.template url.top_level_domain user.email
user.full_name user.hash user.id user.name user.roles user_agent.name user_agent.original user_agent.os.name
user_agent.os.version user_agent.synthetic.type user_agent.version vcs.change.id vcs.change.state vcs.change.title
vcs.line_change.type vcs.owner.name vcs.provider.name vcs.ref.base.name vcs.ref.base.revision vcs.ref.base.type
vcs.ref.head.name vcs.ref.head.revision vcs.ref.head.type vcs.ref.type vcs.repository.change.id
vcs.repository.change.title vcs.repository.name vcs.repository.ref.name vcs.repository.ref.revision
vcs.repository.ref.type vcs.repository.url.full vcs.revision_delta.direction webengine.description webengine.name
webengine.version zos.smf.id zos.sysplex.name
"""
)
# Keys to their values: texts, or whole numbers.
TEXTS = table(
    """
aws.ecs.launchtype ec2 fargate
azure.cosmosdb.connection.mode direct gateway
azure.cosmosdb.consistency.level BoundedStaleness ConsistentPrefix Eventual Session Strong
browser.web_vital.name cls fcp fid inp lcp ttfb
browser.web_vital.navigation_type back-forward back-forward-cache navigate prerender reload restore
browser.web_vital.rating good needs-improvement poor
cassandra.consistency.level all any each_quorum local_one local_quorum local_serial one quorum serial three two
cicd.pipeline.action.name BUILD RUN SYNC
cicd.pipeline.result cancellation error failure skip success timeout
cicd.pipeline.run.state executing finalizing pending
cicd.pipeline.task.run.result cancellation error failure skip success timeout
cicd.pipeline.task.type build deploy test
cicd.worker.state available busy offline
cloud.platform akamai_cloud.compute alibaba_cloud_ecs alibaba_cloud_fc alibaba_cloud_openshift aws_app_runner
 aws_ec2 aws_ecs aws_eks aws_elastic_beanstalk aws_lambda aws_openshift azure.aks azure.app_service
 azure.container_apps azure.container_instances azure.functions azure.openshift azure.vm gcp.agent_engine
 gcp_app_engine gcp_bare_metal_solution gcp_cloud_functions gcp_cloud_run gcp_compute_engine gcp_kubernetes_engine
 gcp_openshift hetzner.cloud_server ibm_cloud_openshift oracle_cloud_compute oracle_cloud_oke scaleway_cloud_compute
 tencent_cloud_cvm tencent_cloud_eks tencent_cloud_scf vultr.cloud_compute
cloud.provider akamai_cloud alibaba_cloud aws azure gcp heroku hetzner ibm_cloud oracle_cloud scaleway_cloud
 tencent_cloud vultr
container.cpu.state kernel system user
cpu.mode idle interrupt iowait kernel nice steal system user
db.cassandra.consistency_level all any each_quorum local_one local_quorum local_serial one quorum serial three two
db.client.connection.state idle used
db.client.connections.state idle used
db.cosmosdb.connection_mode direct gateway
db.cosmosdb.consistency_level BoundedStaleness ConsistentPrefix Eventual Session Strong
db.cosmosdb.operation_type batch create delete execute execute_javascript head head_feed invalid patch query
 query_plan read read_feed replace upsert
db.system adabas cache cassandra clickhouse cloudscape cockroachdb coldfusion cosmosdb couchbase couchdb db2 derby
 dynamodb edb elasticsearch filemaker firebird firstsql geode h2 hanadb hbase hive hsqldb influxdb informix ingres
 instantdb interbase intersystems_cache mariadb maxdb memcached mongodb mssql mssqlcompact mysql neo4j netezza
 opensearch oracle other_sql pervasive pointbase postgresql progress redis redshift spanner sqlite sybase teradata
 trino vertica
db.system.name actian.ingres aws.dynamodb aws.redshift azure.cosmosdb cassandra clickhouse cockroachdb couchbase
 couchdb derby elasticsearch firebirdsql gcp.spanner geode h2database hbase hive hsqldb ibm.db2 ibm.informix
 ibm.netezza influxdb instantdb intersystems.cache mariadb memcached microsoft.sql_server mongodb mysql neo4j
 opensearch oracle.db other_sql postgresql redis sap.hana sap.maxdb softwareag.adabas sqlite teradata trino
deployment.environment.name development production staging test
deployment.status failed succeeded
disk.io.direction read write
error.type _OTHER
faas.document.operation delete edit insert
faas.invoked_provider alibaba_cloud aws azure gcp tencent_cloud
faas.trigger datasource http other pubsub timer
feature_flag.evaluation.reason cached default disabled error split stale static targeting_match unknown
feature_flag.result.reason cached default disabled error split stale static targeting_match unknown
file.lock.type read write
gcp.apphub.service.criticality_type HIGH LOW MEDIUM MISSION_CRITICAL
gcp.apphub.service.environment_type DEVELOPMENT PRODUCTION STAGING TEST
gcp.apphub.workload.criticality_type HIGH LOW MEDIUM MISSION_CRITICAL
gcp.apphub.workload.environment_type DEVELOPMENT PRODUCTION STAGING TEST
gcp.apphub_destination.service.criticality_type HIGH LOW MEDIUM MISSION_CRITICAL
gcp.apphub_destination.service.environment_type DEVELOPMENT PRODUCTION STAGING TEST
gcp.apphub_destination.workload.criticality_type HIGH LOW MEDIUM MISSION_CRITICAL
gcp.apphub_destination.workload.environment_type DEVELOPMENT PRODUCTION STAGING TEST
gen_ai.openai.request.response_format json_object json_schema text
gen_ai.openai.request.service_tier auto default
gen_ai.operation.name chat create_agent embeddings execute_tool generate_content invoke_agent invoke_workflow
 retrieval text_completion
gen_ai.output.type image json speech text
gen_ai.provider.name anthropic aws.bedrock azure.ai.inference azure.ai.openai cohere deepseek gcp.gemini gcp.gen_ai
 gcp.vertex_ai groq ibm.watsonx.ai mistral_ai openai perplexity x_ai
gen_ai.system anthropic aws.bedrock az.ai.inference az.ai.openai azure.ai.inference azure.ai.openai cohere deepseek
 gcp.gemini gcp.gen_ai gcp.vertex_ai gemini groq ibm.watsonx.ai mistral_ai openai perplexity vertex_ai xai
gen_ai.token.type input output
geo.continent.code AF AN AS EU NA OC SA
graphql.operation.type mutation query subscription
host.arch amd64 arm32 arm64 ia64 ppc32 ppc64 s390x x86
http.connection.state active idle
http.flavor 1.0 1.1 2.0 3.0 QUIC SPDY
http.request.method CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE _OTHER
hw.battery.state charging discharging
hw.gpu.task decoder encoder general
hw.limit_type critical degraded high.critical high.degraded low.critical low.degraded max throttled turbo
hw.logical_disk.state free used
hw.physical_disk.state remaining
hw.state degraded failed needs_cleaning ok predicted_failure
hw.tape_drive.operation_type clean mount unmount
hw.type battery cpu disk_controller enclosure fan gpu logical_disk memory network physical_disk power_supply
 tape_drive temperature voltage
k8s.container.ephemeral_storage.fs_type logs rootfs
k8s.container.status.reason Completed ContainerCannotRun ContainerCreating CrashLoopBackOff
 CreateContainerConfigError ErrImagePull Error ImagePullBackOff OOMKilled
k8s.container.status.state running terminated waiting
k8s.namespace.phase active terminating
k8s.node.condition.status false true unknown
k8s.node.condition.type DiskPressure MemoryPressure NetworkUnavailable PIDPressure Ready
k8s.persistentvolume.reclaim_policy Delete Recycle Retain
k8s.persistentvolume.status.phase Available Bound Failed Pending Released
k8s.persistentvolumeclaim.status.phase Bound Lost Pending
k8s.pod.status.phase Failed Pending Running Succeeded Unknown
k8s.pod.status.reason Evicted NodeAffinity NodeLost Shutdown UnexpectedAdmissionError
k8s.service.endpoint.address_type FQDN IPv4 IPv6
k8s.service.endpoint.condition ready serving terminating
k8s.service.type ClusterIP ExternalName LoadBalancer NodePort
k8s.volume.type configMap downwardAPI emptyDir local persistentVolumeClaim secret
linux.memory.slab.state reclaimable unreclaimable
log.iostream stderr stdout
mcp.method.name completion/complete elicitation/create initialize logging/setLevel notifications/cancelled
 notifications/initialized notifications/message notifications/progress notifications/prompts/list_changed
 notifications/resources/list_changed notifications/resources/updated notifications/roots/list_changed
 notifications/tools/list_changed ping prompts/get prompts/list resources/list resources/read resources/subscribe
 resources/templates/list resources/unsubscribe roots/list sampling/createMessage tools/call tools/list
message.type RECEIVED SENT
messaging.operation.type create deliver process publish receive send settle
messaging.rocketmq.consumption_model broadcasting clustering
messaging.rocketmq.message.type delay fifo normal transaction
messaging.servicebus.disposition_status abandon complete dead_letter defer
messaging.system activemq aws.sns aws_sqs eventgrid eventhubs gcp_pubsub jms kafka pulsar rabbitmq rocketmq
 servicebus
net.sock.family inet inet6 unix
net.transport inproc ip_tcp ip_udp other pipe
network.connection.state close_wait closed closing established fin_wait_1 fin_wait_2 last_ack listen syn_received
 syn_sent time_wait
network.connection.subtype cdma cdma2000_1xrtt edge ehrpd evdo_0 evdo_a evdo_b gprs gsm hsdpa hspa hspap hsupa iden
 iwlan lte lte_ca nr nrnsa td_scdma umts
network.connection.type cell unavailable unknown wifi wired
network.io.direction receive transmit
network.transport pipe quic tcp udp unix
network.type ipv4 ipv6
openai.api.type chat_completions responses
openai.request.service_tier auto default
opentracing.ref_type child_of follows_from
os.type aix darwin dragonflybsd freebsd hpux linux netbsd openbsd solaris windows z_os zos
otel.component.type batching_log_processor batching_span_processor otlp_grpc_log_exporter otlp_grpc_metric_exporter
 otlp_grpc_span_exporter otlp_http_json_log_exporter otlp_http_json_metric_exporter otlp_http_json_span_exporter
 otlp_http_log_exporter otlp_http_metric_exporter otlp_http_span_exporter periodic_metric_reader
 prometheus_http_text_metric_exporter simple_log_processor simple_span_processor zipkin_http_span_exporter
otel.span.parent.origin local none remote
otel.span.sampling_result DROP RECORD_AND_SAMPLE RECORD_ONLY
otel.status_code ERROR OK
process.context_switch.type involuntary voluntary
process.cpu.state system user wait
process.paging.fault_type major minor
process.state defunct running sleeping stopped
profile.frame.type beam cpython dotnet go jvm kernel luajit native perl php ruby rust v8js
rpc.connect_rpc.error_code aborted already_exists cancelled data_loss deadline_exceeded failed_precondition internal
 invalid_argument not_found out_of_range permission_denied resource_exhausted unauthenticated unavailable
 unimplemented unknown
rpc.message.type RECEIVED SENT
rpc.system apache_dubbo connect_rpc dotnet_wcf grpc java_rmi jsonrpc onc_rpc
rpc.system.name connectrpc dubbo grpc jsonrpc
service.criticality critical high low medium
state idle used
system.cpu.state idle interrupt iowait nice steal system user
system.filesystem.state free reserved used
system.filesystem.type exfat ext4 fat32 hfsplus ntfs refs
system.memory.linux.hugepages.state free used
system.memory.linux.slab.state reclaimable unreclaimable
system.memory.state buffers cached free shared used
system.network.state close close_wait closing delete established fin_wait_1 fin_wait_2 last_ack listen syn_recv
 syn_sent time_wait
system.paging.direction in out
system.paging.fault.type major minor
system.paging.state free used
system.paging.type major minor
system.process.status defunct running sleeping stopped
system.processes.status defunct running sleeping stopped
telemetry.sdk.language cpp dotnet erlang go java kotlin nodejs php python ruby rust swift webjs
test.case.result.status fail pass
test.suite.run.status aborted failure in_progress skipped success timed_out
tls.protocol.name ssl tls
user_agent.synthetic.type bot test
vcs.change.state closed merged open wip
vcs.line_change.type added removed
vcs.provider.name bitbucket gitea github gitlab gittea
vcs.ref.base.type branch tag
vcs.ref.head.type branch tag
vcs.ref.type branch tag
vcs.repository.ref.type branch tag
vcs.revision_delta.direction ahead behind
"""
)
NUMBERS = {
    key: frozenset(int(value) for value in values)
    for key, values in table(
        """
rpc.grpc.status_code 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
"""
    ).items()
}
