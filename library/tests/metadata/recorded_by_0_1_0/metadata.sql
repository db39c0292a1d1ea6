BEGIN TRANSACTION;
CREATE TABLE `Artifact` (    `id` INTEGER PRIMARY KEY AUTOINCREMENT,    `type_id` INT NOT NULL,    `uri` TEXT,    `state` INT,    `name` VARCHAR(255),    `external_id` VARCHAR(255) UNIQUE,    `create_time_since_epoch` INT NOT NULL DEFAULT 0,    `last_update_time_since_epoch` INT NOT NULL DEFAULT 0,    UNIQUE(`type_id`, `name`)  );
INSERT INTO "Artifact" VALUES(1,15,'@ROOT@/artifacts/CuratedSchema/schema/1',2,NULL,NULL,1795641164914,1795641164914);
INSERT INTO "Artifact" VALUES(2,17,'@ROOT@/artifacts/ExampleGen/examples/2',2,NULL,NULL,1795641165617,1795641165617);
INSERT INTO "Artifact" VALUES(3,19,'@ROOT@/artifacts/StatisticsGen/statistics/3',2,NULL,NULL,1795641165820,1795641165820);
INSERT INTO "Artifact" VALUES(4,21,'@ROOT@/artifacts/ExampleValidator/anomalies/4',2,NULL,NULL,1795641165864,1795641165864);
INSERT INTO "Artifact" VALUES(5,15,'@ROOT@/artifacts/SchemaGen/schema/5',2,NULL,NULL,1795641165897,1795641165897);
INSERT INTO "Artifact" VALUES(6,24,'@ROOT@/artifacts/DataGate/report/6',2,NULL,NULL,1795641165937,1795641165937);
INSERT INTO "Artifact" VALUES(7,26,'@ROOT@/artifacts/Transform/updated_analyzer_cache/7',2,NULL,NULL,1795641169774,1795641169774);
INSERT INTO "Artifact" VALUES(8,27,'@ROOT@/artifacts/Transform/transform_graph/7',2,NULL,NULL,1795641169774,1795641169774);
INSERT INTO "Artifact" VALUES(9,17,'@ROOT@/artifacts/Transform/transformed_examples/7',2,NULL,NULL,1795641169774,1795641169774);
INSERT INTO "Artifact" VALUES(10,29,'@ROOT@/artifacts/Trainer/model/8',2,NULL,NULL,1795641173863,1795641173863);
INSERT INTO "Artifact" VALUES(11,30,'@ROOT@/artifacts/Trainer/model_run/8',2,NULL,NULL,1795641173864,1795641173864);
INSERT INTO "Artifact" VALUES(12,34,'@ROOT@/artifacts/Evaluator/evaluation/11',2,NULL,NULL,1795641176833,1795641176833);
INSERT INTO "Artifact" VALUES(13,35,'@ROOT@/artifacts/Evaluator/blessing/11',2,NULL,NULL,1795641176833,1795641176833);
INSERT INTO "Artifact" VALUES(14,36,'@ROOT@/artifacts/InfraValidator/blessing/10',2,NULL,NULL,1795641180086,1795641180086);
INSERT INTO "Artifact" VALUES(15,38,'@ROOT@/artifacts/Pusher/pushed_model/12',2,NULL,NULL,1795641180125,1795641180125);
CREATE TABLE `ArtifactProperty` (    `artifact_id` INT NOT NULL,    `name` VARCHAR(255) NOT NULL,    `is_custom_property` TINYINT(1) NOT NULL,    `int_value` INT,    `double_value` DOUBLE,    `string_value` TEXT,    `byte_value` BLOB,    `proto_value` BLOB,    `bool_value` BOOLEAN,  PRIMARY KEY (`artifact_id`, `name`, `is_custom_property`));
INSERT INTO "ArtifactProperty" VALUES(1,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(1,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(2,'split_names',0,NULL,NULL,'["train", "eval"]',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(2,'file_format',1,NULL,NULL,'tfrecords_gzip',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(2,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(2,'input_fingerprint',1,NULL,NULL,'split:single_split,num_files:1,total_bytes:1952827,xor_checksum:1795637457,sum_checksum:1795637457',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(2,'payload_format',1,NULL,NULL,'FORMAT_TF_EXAMPLE',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(2,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(2,'span',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(3,'split_names',0,NULL,NULL,'["train", "eval"]',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(3,'span',0,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(3,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(3,'stats_dashboard_link',1,NULL,NULL,'',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(3,'sample_rate_by_split',1,NULL,NULL,'mlmd-struct::CioKCV9fdmFsdWVfXxIdGht7ImV2YWwiOiAxLjAsICJ0cmFpbiI6IDEuMH0=',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(3,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(4,'split_names',0,NULL,NULL,'["train", "eval"]',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(4,'span',0,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(4,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(4,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(4,'blessed',1,NULL,NULL,'mlmd-struct::ChEKBGV2YWwSCREAAAAAAADwPwoSCgV0cmFpbhIJEQAAAAAAAPA/',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(5,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(5,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(6,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(6,'waived',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(6,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(6,'warnings',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(7,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(7,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(8,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(8,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(9,'split_names',0,NULL,NULL,'["eval", "train"]',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(9,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(9,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(10,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(10,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(11,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(11,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(12,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(12,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(13,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(13,'reason',1,NULL,NULL,'The one threshold judged is met; 1 against a baseline did not apply, since there is no baseline yet.',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(13,'current_model',1,NULL,NULL,'@ROOT@/artifacts/Trainer/model/8',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(13,'current_model_id',1,10,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(13,'blessed',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(13,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(14,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(14,'has_model',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(14,'blessed',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(14,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(14,'reason',1,NULL,NULL,'',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(15,'is_external',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(15,'pushed',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(15,'pushed_version',1,NULL,NULL,'1795641180',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(15,'tfx_version',1,NULL,NULL,'1.16.0',NULL,NULL,NULL);
INSERT INTO "ArtifactProperty" VALUES(15,'pushed_destination',1,NULL,NULL,'@ROOT@/serving/taxi/1795641180',NULL,NULL,NULL);
CREATE TABLE `Association` (    `id` INTEGER PRIMARY KEY AUTOINCREMENT,    `context_id` INT NOT NULL,    `execution_id` INT NOT NULL,    UNIQUE(`context_id`, `execution_id`)  );
INSERT INTO "Association" VALUES(1,1,1);
INSERT INTO "Association" VALUES(2,2,1);
INSERT INTO "Association" VALUES(3,3,1);
INSERT INTO "Association" VALUES(4,4,1);
INSERT INTO "Association" VALUES(5,1,2);
INSERT INTO "Association" VALUES(6,2,2);
INSERT INTO "Association" VALUES(7,5,2);
INSERT INTO "Association" VALUES(8,6,2);
INSERT INTO "Association" VALUES(9,1,3);
INSERT INTO "Association" VALUES(10,2,3);
INSERT INTO "Association" VALUES(11,7,3);
INSERT INTO "Association" VALUES(12,8,3);
INSERT INTO "Association" VALUES(13,1,4);
INSERT INTO "Association" VALUES(14,2,4);
INSERT INTO "Association" VALUES(15,9,4);
INSERT INTO "Association" VALUES(16,10,4);
INSERT INTO "Association" VALUES(17,1,5);
INSERT INTO "Association" VALUES(18,2,5);
INSERT INTO "Association" VALUES(19,11,5);
INSERT INTO "Association" VALUES(20,12,5);
INSERT INTO "Association" VALUES(21,1,6);
INSERT INTO "Association" VALUES(22,2,6);
INSERT INTO "Association" VALUES(23,13,6);
INSERT INTO "Association" VALUES(24,14,6);
INSERT INTO "Association" VALUES(25,1,7);
INSERT INTO "Association" VALUES(26,2,7);
INSERT INTO "Association" VALUES(27,15,7);
INSERT INTO "Association" VALUES(28,16,7);
INSERT INTO "Association" VALUES(29,1,8);
INSERT INTO "Association" VALUES(30,2,8);
INSERT INTO "Association" VALUES(31,17,8);
INSERT INTO "Association" VALUES(32,18,8);
INSERT INTO "Association" VALUES(33,1,9);
INSERT INTO "Association" VALUES(34,2,9);
INSERT INTO "Association" VALUES(35,19,9);
INSERT INTO "Association" VALUES(36,1,10);
INSERT INTO "Association" VALUES(37,2,10);
INSERT INTO "Association" VALUES(38,20,10);
INSERT INTO "Association" VALUES(39,1,11);
INSERT INTO "Association" VALUES(40,2,11);
INSERT INTO "Association" VALUES(41,22,11);
INSERT INTO "Association" VALUES(42,23,11);
INSERT INTO "Association" VALUES(43,21,10);
INSERT INTO "Association" VALUES(44,1,12);
INSERT INTO "Association" VALUES(45,2,12);
INSERT INTO "Association" VALUES(46,24,12);
INSERT INTO "Association" VALUES(47,25,12);
CREATE TABLE `Attribution` (    `id` INTEGER PRIMARY KEY AUTOINCREMENT,    `context_id` INT NOT NULL,    `artifact_id` INT NOT NULL,    UNIQUE(`context_id`, `artifact_id`)  );
INSERT INTO "Attribution" VALUES(1,1,1);
INSERT INTO "Attribution" VALUES(2,2,1);
INSERT INTO "Attribution" VALUES(3,3,1);
INSERT INTO "Attribution" VALUES(4,4,1);
INSERT INTO "Attribution" VALUES(5,1,2);
INSERT INTO "Attribution" VALUES(6,2,2);
INSERT INTO "Attribution" VALUES(7,5,2);
INSERT INTO "Attribution" VALUES(8,6,2);
INSERT INTO "Attribution" VALUES(9,7,2);
INSERT INTO "Attribution" VALUES(10,1,3);
INSERT INTO "Attribution" VALUES(11,2,3);
INSERT INTO "Attribution" VALUES(12,7,3);
INSERT INTO "Attribution" VALUES(13,8,3);
INSERT INTO "Attribution" VALUES(14,9,1);
INSERT INTO "Attribution" VALUES(15,9,3);
INSERT INTO "Attribution" VALUES(16,1,4);
INSERT INTO "Attribution" VALUES(17,2,4);
INSERT INTO "Attribution" VALUES(18,9,4);
INSERT INTO "Attribution" VALUES(19,10,4);
INSERT INTO "Attribution" VALUES(20,11,3);
INSERT INTO "Attribution" VALUES(21,1,5);
INSERT INTO "Attribution" VALUES(22,2,5);
INSERT INTO "Attribution" VALUES(23,11,5);
INSERT INTO "Attribution" VALUES(24,12,5);
INSERT INTO "Attribution" VALUES(25,13,4);
INSERT INTO "Attribution" VALUES(26,13,1);
INSERT INTO "Attribution" VALUES(27,13,3);
INSERT INTO "Attribution" VALUES(28,1,6);
INSERT INTO "Attribution" VALUES(29,2,6);
INSERT INTO "Attribution" VALUES(30,13,6);
INSERT INTO "Attribution" VALUES(31,14,6);
INSERT INTO "Attribution" VALUES(32,15,1);
INSERT INTO "Attribution" VALUES(33,15,2);
INSERT INTO "Attribution" VALUES(34,1,8);
INSERT INTO "Attribution" VALUES(35,1,9);
INSERT INTO "Attribution" VALUES(36,1,7);
INSERT INTO "Attribution" VALUES(37,2,8);
INSERT INTO "Attribution" VALUES(38,2,9);
INSERT INTO "Attribution" VALUES(39,2,7);
INSERT INTO "Attribution" VALUES(40,15,8);
INSERT INTO "Attribution" VALUES(41,15,9);
INSERT INTO "Attribution" VALUES(42,15,7);
INSERT INTO "Attribution" VALUES(43,16,8);
INSERT INTO "Attribution" VALUES(44,16,9);
INSERT INTO "Attribution" VALUES(45,16,7);
INSERT INTO "Attribution" VALUES(46,17,8);
INSERT INTO "Attribution" VALUES(47,17,9);
INSERT INTO "Attribution" VALUES(48,17,1);
INSERT INTO "Attribution" VALUES(49,1,10);
INSERT INTO "Attribution" VALUES(50,1,11);
INSERT INTO "Attribution" VALUES(51,2,10);
INSERT INTO "Attribution" VALUES(52,2,11);
INSERT INTO "Attribution" VALUES(53,17,10);
INSERT INTO "Attribution" VALUES(54,17,11);
INSERT INTO "Attribution" VALUES(55,18,10);
INSERT INTO "Attribution" VALUES(56,18,11);
INSERT INTO "Attribution" VALUES(57,19,10);
INSERT INTO "Attribution" VALUES(58,20,2);
INSERT INTO "Attribution" VALUES(59,20,10);
INSERT INTO "Attribution" VALUES(60,22,10);
INSERT INTO "Attribution" VALUES(61,22,2);
INSERT INTO "Attribution" VALUES(62,1,13);
INSERT INTO "Attribution" VALUES(63,1,12);
INSERT INTO "Attribution" VALUES(64,2,13);
INSERT INTO "Attribution" VALUES(65,2,12);
INSERT INTO "Attribution" VALUES(66,22,13);
INSERT INTO "Attribution" VALUES(67,22,12);
INSERT INTO "Attribution" VALUES(68,23,13);
INSERT INTO "Attribution" VALUES(69,23,12);
INSERT INTO "Attribution" VALUES(70,1,14);
INSERT INTO "Attribution" VALUES(71,2,14);
INSERT INTO "Attribution" VALUES(72,20,14);
INSERT INTO "Attribution" VALUES(73,21,14);
INSERT INTO "Attribution" VALUES(74,24,13);
INSERT INTO "Attribution" VALUES(75,24,14);
INSERT INTO "Attribution" VALUES(76,1,15);
INSERT INTO "Attribution" VALUES(77,2,15);
INSERT INTO "Attribution" VALUES(78,24,15);
INSERT INTO "Attribution" VALUES(79,25,15);
CREATE TABLE `Context` (    `id` INTEGER PRIMARY KEY AUTOINCREMENT,    `type_id` INT NOT NULL,    `name` VARCHAR(255) NOT NULL,    `external_id` VARCHAR(255) UNIQUE,    `create_time_since_epoch` INT NOT NULL DEFAULT 0,    `last_update_time_since_epoch` INT NOT NULL DEFAULT 0,    UNIQUE(`type_id`, `name`)  );
INSERT INTO "Context" VALUES(1,10,'taxi',NULL,1795641164849,1795641164849);
INSERT INTO "Context" VALUES(2,11,'20261125-211240',NULL,1795641164858,1795641164858);
INSERT INTO "Context" VALUES(3,12,'taxi.CuratedSchema',NULL,1795641164867,1795641164867);
INSERT INTO "Context" VALUES(4,14,'b60405fb4ed2770c023398a0a425723bc8c2ee3cb7da991aa27808e38489586b',NULL,1795641164888,1795641164888);
INSERT INTO "Context" VALUES(5,12,'taxi.ExampleGen',NULL,1795641164923,1795641164923);
INSERT INTO "Context" VALUES(6,14,'049e1851ea8ab99488d00dd100768daa43a16d0dca31a70ff9001855525b3fff',NULL,1795641164936,1795641164936);
INSERT INTO "Context" VALUES(7,12,'taxi.StatisticsGen',NULL,1795641165630,1795641165630);
INSERT INTO "Context" VALUES(8,14,'eddd0fc1a61b43113f396f884982488de3cc8bdf88cc7efc2387ca835e1ade78',NULL,1795641165648,1795641165648);
INSERT INTO "Context" VALUES(9,12,'taxi.ExampleValidator',NULL,1795641165830,1795641165830);
INSERT INTO "Context" VALUES(10,14,'0ef7a72de04d9cad5530aa8d0cdd4ad5ab74e68c005ae1389c888556fb613c46',NULL,1795641165841,1795641165841);
INSERT INTO "Context" VALUES(11,12,'taxi.SchemaGen',NULL,1795641165873,1795641165873);
INSERT INTO "Context" VALUES(12,14,'903a92454f995122873a4c3bdaa3e528d1c4c5dfb08fde87103104da876d5c4b',NULL,1795641165883,1795641165883);
INSERT INTO "Context" VALUES(13,12,'taxi.DataGate',NULL,1795641165906,1795641165906);
INSERT INTO "Context" VALUES(14,14,'35f0980ab39eca2d915f082ac6fec61cd2a35f2dbf52e69f28e820c2384f80b4',NULL,1795641165918,1795641165918);
INSERT INTO "Context" VALUES(15,12,'taxi.Transform',NULL,1795641165946,1795641165946);
INSERT INTO "Context" VALUES(16,14,'94aff8756bc4cb91e294faa38e6992f25e6c94305b5cbf1de9c33e75c9deee17',NULL,1795641165957,1795641165957);
INSERT INTO "Context" VALUES(17,12,'taxi.Trainer',NULL,1795641169785,1795641169785);
INSERT INTO "Context" VALUES(18,14,'ec420c42047b92be48aae6d4d97bd1dd233490aaec887542a2fc6fbbdd3f5c6e',NULL,1795641169799,1795641169799);
INSERT INTO "Context" VALUES(19,12,'taxi.LatestBlessedModel',NULL,1795641173875,1795641173875);
INSERT INTO "Context" VALUES(20,12,'taxi.InfraValidator',NULL,1795641173883,1795641173883);
INSERT INTO "Context" VALUES(21,14,'50889f0a516ab7058bfc779157cadc6bbcf48878345b858e593e2d37ed04f137',NULL,1795641173907,1795641173907);
INSERT INTO "Context" VALUES(22,12,'taxi.Evaluator',NULL,1795641173912,1795641173912);
INSERT INTO "Context" VALUES(23,14,'c8db34d648230e004a2b29766eb74d2f4d0bfa86b912608af95828c011aa653a',NULL,1795641173933,1795641173933);
INSERT INTO "Context" VALUES(24,12,'taxi.Pusher',NULL,1795641180098,1795641180098);
INSERT INTO "Context" VALUES(25,14,'4a676c0736e005d82424205d672c005bd457b2c5acb382d172b9e532dbf214f1',NULL,1795641180112,1795641180112);
CREATE TABLE `ContextProperty` (    `context_id` INT NOT NULL,    `name` VARCHAR(255) NOT NULL,    `is_custom_property` TINYINT(1) NOT NULL,    `int_value` INT,    `double_value` DOUBLE,    `string_value` TEXT,    `byte_value` BLOB,    `proto_value` BLOB,    `bool_value` BOOLEAN,  PRIMARY KEY (`context_id`, `name`, `is_custom_property`));
CREATE TABLE `Event` (    `id` INTEGER PRIMARY KEY AUTOINCREMENT,    `artifact_id` INT NOT NULL,    `execution_id` INT NOT NULL,    `type` INT NOT NULL,    `milliseconds_since_epoch` INT,    UNIQUE(`artifact_id`, `execution_id`, `type`)  );
INSERT INTO "Event" VALUES(1,1,1,4,1795641164914);
INSERT INTO "Event" VALUES(2,2,2,4,1795641165618);
INSERT INTO "Event" VALUES(3,2,3,3,1795641165641);
INSERT INTO "Event" VALUES(4,3,3,4,1795641165821);
INSERT INTO "Event" VALUES(5,1,4,3,1795641165837);
INSERT INTO "Event" VALUES(6,3,4,3,1795641165837);
INSERT INTO "Event" VALUES(7,4,4,4,1795641165864);
INSERT INTO "Event" VALUES(8,3,5,3,1795641165879);
INSERT INTO "Event" VALUES(9,5,5,4,1795641165897);
INSERT INTO "Event" VALUES(10,4,6,3,1795641165914);
INSERT INTO "Event" VALUES(11,1,6,3,1795641165914);
INSERT INTO "Event" VALUES(12,3,6,3,1795641165914);
INSERT INTO "Event" VALUES(13,6,6,4,1795641165937);
INSERT INTO "Event" VALUES(14,1,7,3,1795641165953);
INSERT INTO "Event" VALUES(15,2,7,3,1795641165953);
INSERT INTO "Event" VALUES(16,7,7,4,1795641169775);
INSERT INTO "Event" VALUES(17,8,7,4,1795641169775);
INSERT INTO "Event" VALUES(18,9,7,4,1795641169775);
INSERT INTO "Event" VALUES(19,8,8,3,1795641169795);
INSERT INTO "Event" VALUES(20,9,8,3,1795641169795);
INSERT INTO "Event" VALUES(21,1,8,3,1795641169795);
INSERT INTO "Event" VALUES(22,10,8,4,1795641173864);
INSERT INTO "Event" VALUES(23,11,8,4,1795641173864);
INSERT INTO "Event" VALUES(24,10,9,6,1795641173894);
INSERT INTO "Event" VALUES(25,10,10,3,1795641173899);
INSERT INTO "Event" VALUES(26,2,10,3,1795641173899);
INSERT INTO "Event" VALUES(27,10,11,3,1795641173927);
INSERT INTO "Event" VALUES(28,2,11,3,1795641173927);
INSERT INTO "Event" VALUES(29,12,11,4,1795641176833);
INSERT INTO "Event" VALUES(30,13,11,4,1795641176833);
INSERT INTO "Event" VALUES(31,14,10,4,1795641180087);
INSERT INTO "Event" VALUES(32,13,12,3,1795641180108);
INSERT INTO "Event" VALUES(33,14,12,3,1795641180108);
INSERT INTO "Event" VALUES(34,15,12,4,1795641180126);
CREATE TABLE `EventPath` (    `event_id` INT NOT NULL,    `is_index_step` TINYINT(1) NOT NULL,    `step_index` INT,    `step_key` TEXT  );
INSERT INTO "EventPath" VALUES(1,0,NULL,'schema');
INSERT INTO "EventPath" VALUES(1,1,0,NULL);
INSERT INTO "EventPath" VALUES(2,0,NULL,'examples');
INSERT INTO "EventPath" VALUES(2,1,0,NULL);
INSERT INTO "EventPath" VALUES(3,0,NULL,'examples');
INSERT INTO "EventPath" VALUES(3,1,0,NULL);
INSERT INTO "EventPath" VALUES(4,0,NULL,'statistics');
INSERT INTO "EventPath" VALUES(4,1,0,NULL);
INSERT INTO "EventPath" VALUES(5,0,NULL,'schema');
INSERT INTO "EventPath" VALUES(5,1,0,NULL);
INSERT INTO "EventPath" VALUES(6,0,NULL,'statistics');
INSERT INTO "EventPath" VALUES(6,1,0,NULL);
INSERT INTO "EventPath" VALUES(7,0,NULL,'anomalies');
INSERT INTO "EventPath" VALUES(7,1,0,NULL);
INSERT INTO "EventPath" VALUES(8,0,NULL,'statistics');
INSERT INTO "EventPath" VALUES(8,1,0,NULL);
INSERT INTO "EventPath" VALUES(9,0,NULL,'schema');
INSERT INTO "EventPath" VALUES(9,1,0,NULL);
INSERT INTO "EventPath" VALUES(10,0,NULL,'anomalies');
INSERT INTO "EventPath" VALUES(10,1,0,NULL);
INSERT INTO "EventPath" VALUES(11,0,NULL,'schema');
INSERT INTO "EventPath" VALUES(11,1,0,NULL);
INSERT INTO "EventPath" VALUES(12,0,NULL,'statistics');
INSERT INTO "EventPath" VALUES(12,1,0,NULL);
INSERT INTO "EventPath" VALUES(13,0,NULL,'report');
INSERT INTO "EventPath" VALUES(13,1,0,NULL);
INSERT INTO "EventPath" VALUES(14,0,NULL,'schema');
INSERT INTO "EventPath" VALUES(14,1,0,NULL);
INSERT INTO "EventPath" VALUES(15,0,NULL,'examples');
INSERT INTO "EventPath" VALUES(15,1,0,NULL);
INSERT INTO "EventPath" VALUES(16,0,NULL,'updated_analyzer_cache');
INSERT INTO "EventPath" VALUES(16,1,0,NULL);
INSERT INTO "EventPath" VALUES(17,0,NULL,'transform_graph');
INSERT INTO "EventPath" VALUES(17,1,0,NULL);
INSERT INTO "EventPath" VALUES(18,0,NULL,'transformed_examples');
INSERT INTO "EventPath" VALUES(18,1,0,NULL);
INSERT INTO "EventPath" VALUES(19,0,NULL,'transform_graph');
INSERT INTO "EventPath" VALUES(19,1,0,NULL);
INSERT INTO "EventPath" VALUES(20,0,NULL,'examples');
INSERT INTO "EventPath" VALUES(20,1,0,NULL);
INSERT INTO "EventPath" VALUES(21,0,NULL,'schema');
INSERT INTO "EventPath" VALUES(21,1,0,NULL);
INSERT INTO "EventPath" VALUES(22,0,NULL,'model');
INSERT INTO "EventPath" VALUES(22,1,0,NULL);
INSERT INTO "EventPath" VALUES(23,0,NULL,'model_run');
INSERT INTO "EventPath" VALUES(23,1,0,NULL);
INSERT INTO "EventPath" VALUES(24,0,NULL,'candidate');
INSERT INTO "EventPath" VALUES(24,1,0,NULL);
INSERT INTO "EventPath" VALUES(25,0,NULL,'model');
INSERT INTO "EventPath" VALUES(25,1,0,NULL);
INSERT INTO "EventPath" VALUES(26,0,NULL,'examples');
INSERT INTO "EventPath" VALUES(26,1,0,NULL);
INSERT INTO "EventPath" VALUES(27,0,NULL,'model');
INSERT INTO "EventPath" VALUES(27,1,0,NULL);
INSERT INTO "EventPath" VALUES(28,0,NULL,'examples');
INSERT INTO "EventPath" VALUES(28,1,0,NULL);
INSERT INTO "EventPath" VALUES(29,0,NULL,'evaluation');
INSERT INTO "EventPath" VALUES(29,1,0,NULL);
INSERT INTO "EventPath" VALUES(30,0,NULL,'blessing');
INSERT INTO "EventPath" VALUES(30,1,0,NULL);
INSERT INTO "EventPath" VALUES(31,0,NULL,'blessing');
INSERT INTO "EventPath" VALUES(31,1,0,NULL);
INSERT INTO "EventPath" VALUES(32,0,NULL,'model_blessing');
INSERT INTO "EventPath" VALUES(32,1,0,NULL);
INSERT INTO "EventPath" VALUES(33,0,NULL,'infra_blessing');
INSERT INTO "EventPath" VALUES(33,1,0,NULL);
INSERT INTO "EventPath" VALUES(34,0,NULL,'pushed_model');
INSERT INTO "EventPath" VALUES(34,1,0,NULL);
CREATE TABLE `Execution` (    `id` INTEGER PRIMARY KEY AUTOINCREMENT,    `type_id` INT NOT NULL,    `last_known_state` INT,    `name` VARCHAR(255),    `external_id` VARCHAR(255) UNIQUE,    `create_time_since_epoch` INT NOT NULL DEFAULT 0,    `last_update_time_since_epoch` INT NOT NULL DEFAULT 0,    UNIQUE(`type_id`, `name`)  );
INSERT INTO "Execution" VALUES(1,13,3,'24aabd50-83bb-4d7a-995d-db54118378ca',NULL,1795641164877,1795641164914);
INSERT INTO "Execution" VALUES(2,16,3,'1ec38385-43e6-4a9e-8997-e0aa416d6d18',NULL,1795641164928,1795641165618);
INSERT INTO "Execution" VALUES(3,18,3,'3d762b1c-c4e9-4e75-9db2-db9101b3ec03',NULL,1795641165641,1795641165821);
INSERT INTO "Execution" VALUES(4,20,3,'be19cf65-5b17-4f34-9ae9-408aa061d651',NULL,1795641165837,1795641165864);
INSERT INTO "Execution" VALUES(5,22,3,'c1ef9ebf-22c9-47d6-a3c5-e23153283b0c',NULL,1795641165879,1795641165897);
INSERT INTO "Execution" VALUES(6,23,3,'6a4b2771-1a6d-4d36-9242-89ef91a1978d',NULL,1795641165914,1795641165937);
INSERT INTO "Execution" VALUES(7,25,3,'01a56d39-8415-497d-b8c0-f8f06d527850',NULL,1795641165953,1795641169775);
INSERT INTO "Execution" VALUES(8,28,3,'49341f5d-4227-49ba-ab10-a9fd8e5887ba',NULL,1795641169795,1795641173864);
INSERT INTO "Execution" VALUES(9,31,3,'6a450091-7500-4e5f-bfc6-911c37cf3bac',NULL,1795641173892,1795641173894);
INSERT INTO "Execution" VALUES(10,32,3,'b219888d-3085-4875-b8c5-29714f32e441',NULL,1795641173899,1795641180086);
INSERT INTO "Execution" VALUES(11,33,3,'8451dc40-ce43-4781-adda-4bd7aa78b988',NULL,1795641173927,1795641176833);
INSERT INTO "Execution" VALUES(12,37,3,'acd1f84d-c59f-4d75-baaa-6eaf15b9ab4f',NULL,1795641180107,1795641180126);
CREATE TABLE `ExecutionProperty` (    `execution_id` INT NOT NULL,    `name` VARCHAR(255) NOT NULL,    `is_custom_property` TINYINT(1) NOT NULL,    `int_value` INT,    `double_value` DOUBLE,    `string_value` TEXT,    `byte_value` BLOB,    `proto_value` BLOB,    `bool_value` BOOLEAN,  PRIMARY KEY (`execution_id`, `name`, `is_custom_property`));
INSERT INTO "ExecutionProperty" VALUES(1,'code_digest',1,NULL,NULL,'ccb941ac99faf97b',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(1,'schema_text',1,NULL,NULL,'# The contract that taxi trips are held to, before anything is learned from them.
#
# Format: tensorflow.metadata.v0.Schema, as TFDV, Transform and StatisticsGen read it. Edit this file, then run again:
# DataGate stops a run whose data breaks it, and says which feature, in which split, and what was seen instead.
#
# How to read a feature:
#   presence     {min_fraction: 1 min_count: 1}  the column is there in every row.
#                {min_count: 1}                  the column exists; a row may come without it.
#   shape        {dim {size: 1}}                 exactly one value in each row. Transform then parses a dense column, so
#                                                it is only for columns that are never empty.
#   value_count  {min: 0 max: 1}                 a value or nothing. In a CSV file an empty cell is a present feature
#                                                with no value, which is why presence alone would not notice it.
#   domain       what a value may be. Wider than what was seen where the world is wider, never wider than makes sense.
#   drift_comparator, skew_comparator            how far the distribution may move from the span before, and from what
#                is served. Strings: L-infinity, the largest change of one value''s share. Numbers, for which TFDV has no
#                L-infinity: Jensen-Shannon divergence, over equal ranges (STANDARD) where the range is fixed by
#                nature, as hours are, else over QUANTILES, because one very long trip would stretch equal ranges
#                beyond use (two random parts of these trips then lie 0.7 apart in trip_miles).
#                The limits are about twice the largest distance between the parts in ten random cuts of these trips 2:1
#                (about 10,000 and 5,000 rows): 0.026 in L-infinity, 0.004 over equal ranges, 0.11 over quantiles.
#                Smaller samples lie further apart: serving windows are small, so their limits are wider.

default_environment: "TRAINING"
default_environment: "SERVING"

# -- what is learned --------------------------------------------------------------------------------------------------

# 1 when the tip was more than a fifth of the fare. Not known when a trip is priced, so not there at serving time.
feature {
  name: "big_tipper"
  type: INT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  int_domain { min: 0 max: 1 is_categorical: true }
  not_in_environment: "SERVING"
  drift_comparator { jensen_shannon_divergence { threshold: 0.01 source { type: STANDARD } } }
}

# What the label was computed from, in dollars. It would give the answer away: never a feature, absent at serving time.
feature {
  name: "tips"
  type: FLOAT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  float_domain { min: 0 max: 500 disallow_nan: true disallow_inf: true }
  not_in_environment: "SERVING"
  drift_comparator { jensen_shannon_divergence { threshold: 0.15 source { type: QUANTILES } } }
}

# -- the trip ---------------------------------------------------------------------------------------------------------

# Dollars. Free rides occur; the largest seen is 700. Above 1,000 someone wrote cents.
feature {
  name: "fare"
  type: FLOAT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  float_domain { min: 0 max: 1000 disallow_nan: true disallow_inf: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.3 source { type: QUANTILES } } }
}

# Miles. 99.9 in 100 trips are below 61; one says 1,710. The limit only keeps metres out.
feature {
  name: "trip_miles"
  type: FLOAT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  float_domain { min: 0 max: 2000 disallow_nan: true disallow_inf: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.3 source { type: QUANTILES } } }
}

# At most a day. Six of 15,002 trips come without it.
feature {
  name: "trip_seconds"
  type: INT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  int_domain { min: 0 max: 86400 }
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.3 source { type: QUANTILES } } }
}

# Every way of paying that the meters report. A new one is decided by a person: add it here, or mend the feed.
# `Prcard` (prepaid card) occurs once in 15,002 rows and is real.
feature {
  name: "payment_type"
  type: BYTES
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  domain: "payment_type"
  drift_comparator { infinity_norm { threshold: 0.05 } }
  skew_comparator { infinity_norm { threshold: 0.1 } }
}

# A third of the trips name no company. Eleven fleets hold 99 of 100 named trips; the others are cab owners by the
# hundred, who come and go. So 95 of 100 named trips must be of a known fleet, and an owner''s name is no anomaly.
feature {
  name: "company"
  type: BYTES
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  domain: "company"
  distribution_constraints { min_domain_mass: 0.95 }
  drift_comparator { infinity_norm { threshold: 0.05 } }
  skew_comparator { infinity_norm { threshold: 0.1 } }
}

# -- when -------------------------------------------------------------------------------------------------------------

# 0 to 23.
feature {
  name: "trip_start_hour"
  type: INT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  int_domain { min: 0 max: 23 is_categorical: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.01 source { type: STANDARD } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.05 source { type: STANDARD } } }
}

# The day of the week, 1 to 7.
feature {
  name: "trip_start_day"
  type: INT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  int_domain { min: 1 max: 7 is_categorical: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.01 source { type: STANDARD } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.05 source { type: STANDARD } } }
}

# 1 to 12. No comparators: the month of a new span differs from that of the span before, as it should.
feature {
  name: "trip_start_month"
  type: INT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  int_domain { min: 1 max: 12 is_categorical: true }
}

# Seconds since 1970. The city''s records begin with 2013; the year 2100 is far enough to tell seconds from milliseconds.
# No comparators: time moves on.
feature {
  name: "trip_start_timestamp"
  type: INT
  presence { min_fraction: 1 min_count: 1 }
  shape { dim { size: 1 } }
  int_domain { min: 1356998400 max: 4102444800 }
}

# -- where ------------------------------------------------------------------------------------------------------------
# Chicago has 77 community areas, and lies between 41.64 and 42.02 degrees north, 87.94 and 87.52 west. A trip that ends
# outside the city has no drop-off place: 3 in 100. Coordinates are centres of areas, so a margin of 0.05 is enough.

feature {
  name: "pickup_community_area"
  type: INT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  int_domain { min: 1 max: 77 is_categorical: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.01 source { type: STANDARD } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.05 source { type: STANDARD } } }
}

feature {
  name: "dropoff_community_area"
  type: INT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  int_domain { min: 1 max: 77 is_categorical: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.01 source { type: STANDARD } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.05 source { type: STANDARD } } }
}

feature {
  name: "pickup_latitude"
  type: FLOAT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  float_domain { min: 41.59 max: 42.07 disallow_nan: true disallow_inf: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.3 source { type: QUANTILES } } }
}

feature {
  name: "pickup_longitude"
  type: FLOAT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  float_domain { min: -87.99 max: -87.47 disallow_nan: true disallow_inf: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.3 source { type: QUANTILES } } }
}

feature {
  name: "dropoff_latitude"
  type: FLOAT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  float_domain { min: 41.59 max: 42.07 disallow_nan: true disallow_inf: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.3 source { type: QUANTILES } } }
}

feature {
  name: "dropoff_longitude"
  type: FLOAT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  float_domain { min: -87.99 max: -87.47 disallow_nan: true disallow_inf: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.2 source { type: QUANTILES } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.3 source { type: QUANTILES } } }
}

# Census tracts of Cook County: state 17, county 031, then six digits. They are names, not amounts, and hidden where few
# people live. The pick-up tract is filled in one row of 15,002: a split may well have none. So it has no presence, no
# distribution to compare, and no lower limit, because TFDV takes the smallest value of an empty column to be 0.
feature {
  name: "pickup_census_tract"
  type: INT
  value_count { min: 0 max: 1 }
  int_domain { max: 17031999999 is_categorical: true }
}

feature {
  name: "dropoff_census_tract"
  type: INT
  presence { min_count: 1 }
  value_count { min: 0 max: 1 }
  int_domain { min: 17031000000 max: 17031999999 is_categorical: true }
  drift_comparator { jensen_shannon_divergence { threshold: 0.02 source { type: STANDARD } } }
  skew_comparator { jensen_shannon_divergence { threshold: 0.05 source { type: STANDARD } } }
}

# -- named values -----------------------------------------------------------------------------------------------------

string_domain {
  name: "payment_type"
  value: "Cash"
  value: "Credit Card"
  value: "Dispute"
  value: "No Charge"
  value: "Pcard"
  value: "Prcard"
  value: "Unknown"
}

string_domain {
  name: "company"
  value: "Blue Ribbon Taxi Association Inc."
  value: "Chicago Elite Cab Corp."
  value: "Chicago Elite Cab Corp. (Chicago Carriag"
  value: "Chicago Medallion Leasing INC"
  value: "Chicago Medallion Management"
  value: "Choice Taxi Association"
  value: "Dispatch Taxi Affiliation"
  value: "KOAM Taxi Association"
  value: "Northwest Management LLC"
  value: "Taxi Affiliation Services"
  value: "Top Cab Affiliation"
}
',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'input_base',1,NULL,NULL,'@PACKAGES@/tfx/examples/chicago_taxi_pipeline/data/big_tipper_label',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'input_config',1,NULL,NULL,'{
  "splits": [
    {
      "name": "single_split",
      "pattern": "*"
    }
  ]
}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'output_data_format',1,6,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'output_config',1,NULL,NULL,'{
  "split_config": {
    "splits": [
      {
        "hash_buckets": 2,
        "name": "train"
      },
      {
        "hash_buckets": 1,
        "name": "eval"
      }
    ]
  }
}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'custom_config',1,NULL,NULL,'{
  "custom_config": {
    "@type": "type.googleapis.com/google.protobuf.Struct",
    "value": {
      "columnar_example_gen": "{\"block_bytes\": 8388608, \"code_digest\": \"f062582f4f451009\", \"delimiter\": \",\", \"format\": \"csv\", \"header\": \"tfx\", \"missing\": [], \"range_bytes\": 67108864, \"strip_spaces\": false, \"threads\": 0, \"values\": \"tfx\"}"
    }
  }
}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'output_file_format',1,5,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'span',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(2,'input_fingerprint',1,NULL,NULL,'split:single_split,num_files:1,total_bytes:1952827,xor_checksum:1795637457,sum_checksum:1795637457',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(3,'exclude_splits',1,NULL,NULL,'[]',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(3,'code_digest',1,NULL,NULL,'0a29bb04b776f706',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(3,'in_process',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(4,'exclude_splits',1,NULL,NULL,'[]',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(5,'exclude_splits',1,NULL,NULL,'[]',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(5,'infer_feature_shape',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(6,'feature_columns',1,NULL,NULL,'["trip_miles", "fare", "trip_seconds", "pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude", "trip_start_hour", "trip_start_day", "trip_start_month", "pickup_community_area", "dropoff_community_area", "dropoff_census_tract", "payment_type", "company"]',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(6,'policy',1,NULL,NULL,'{}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(6,'waivers',1,NULL,NULL,'[]',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(6,'label',1,NULL,NULL,'{"classes": [0, 1], "column": "big_tipper", "task": "binary"}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(6,'config_file',1,NULL,NULL,'conf/taxi.yaml',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(6,'schema_file',1,NULL,NULL,'@PROJECT@/schema/taxi/schema.pbtxt',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(6,'code_digest',1,NULL,NULL,'8577fc098d483ae1',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(7,'custom_config',1,NULL,NULL,'{"code_digest": "847b59750b1ae7f7", "features": {"features": {"company": {"dimension": 8, "encode": "embedding", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 100}, "dropoff_census_tract": {"buckets": 200, "dimension": 8, "encode": "one_hot", "kind": "hashed"}, "dropoff_community_area": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 100}, "dropoff_latitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "dropoff_longitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "fare": {"indicator": false, "kind": "numeric", "missing": "mean", "scale": "log"}, "hour_by_day": {"buckets": 200, "dimension": 8, "encode": "one_hot", "kind": "crossed", "of": ["trip_start_hour", "trip_start_day"]}, "payment_type": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 20}, "pickup_community_area": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 100}, "pickup_latitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "pickup_longitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "trip_miles": {"indicator": false, "kind": "numeric", "missing": "mean", "scale": "log"}, "trip_seconds": {"indicator": false, "kind": "numeric", "missing": "mean", "scale": "log"}, "trip_start_day": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 7}, "trip_start_hour": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 24}, "trip_start_month": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 12}}, "label": {"classes": [0, 1], "column": "big_tipper", "task": "binary"}}}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(7,'disable_statistics',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(7,'preprocessing_fn',1,NULL,NULL,'models.preprocessing.preprocessing_fn',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(7,'force_tf_compat_v1',1,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(8,'train_args',1,NULL,NULL,'{
  "num_steps": 60,
  "splits": [
    "train"
  ]
}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(8,'run_fn',1,NULL,NULL,'models.trainer.run_fn',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(8,'eval_args',1,NULL,NULL,'{
  "splits": [
    "eval"
  ]
}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(8,'custom_config',1,NULL,NULL,'{"code_digest": "2049114660742dd1", "features": {"features": {"company": {"dimension": 8, "encode": "embedding", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 100}, "dropoff_census_tract": {"buckets": 200, "dimension": 8, "encode": "one_hot", "kind": "hashed"}, "dropoff_community_area": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 100}, "dropoff_latitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "dropoff_longitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "fare": {"indicator": false, "kind": "numeric", "missing": "mean", "scale": "log"}, "hour_by_day": {"buckets": 200, "dimension": 8, "encode": "one_hot", "kind": "crossed", "of": ["trip_start_hour", "trip_start_day"]}, "payment_type": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 20}, "pickup_community_area": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 100}, "pickup_latitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "pickup_longitude": {"boundaries": [], "buckets": 10, "kind": "bucketized"}, "trip_miles": {"indicator": false, "kind": "numeric", "missing": "mean", "scale": "log"}, "trip_seconds": {"indicator": false, "kind": "numeric", "missing": "mean", "scale": "log"}, "trip_start_day": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 7}, "trip_start_hour": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 24}, "trip_start_month": {"dimension": 8, "encode": "one_hot", "kind": "categorical", "min_count": 1, "oov_buckets": 1, "top_k": 12}}, "label": {"classes": [0, 1], "column": "big_tipper", "task": "binary"}}, "model": {"dropout": 0.1, "hidden_units": [64, 32], "l2": 0.0, "wide": true}, "model_fn": "models.model.build_model", "training": {"batch_size": 40, "class_weights": "none", "epochs": null, "eval_steps": null, "learning_rate": 0.001, "mixed_precision": false, "patience": 3, "seed": 20, "steps": 60, "validate_every": 200}}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'p95_milliseconds',1,NULL,1000.0,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'request_seconds',1,NULL,30.0,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'num_examples',1,16,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'platform',1,NULL,NULL,'process',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'load_seconds',1,NULL,120.0,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'tries',1,2,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'memory_mib',1,4096,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(10,'code_digest',1,NULL,NULL,'0ed3fa201842f47d',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(11,'min_slice_size',1,100,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(11,'code_digest',1,NULL,NULL,'1da67d1f86e0f613',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(11,'in_process',1,1,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(11,'fairness_indicator_thresholds',1,NULL,NULL,'null',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(11,'eval_config',1,NULL,NULL,'{
  "metrics_specs": [
    {
      "metrics": [
        {
          "class_name": "AUC",
          "per_slice_thresholds": [
            {
              "slicing_specs": [
                {}
              ],
              "threshold": {
                "value_threshold": {
                  "lower_bound": 0.5
                }
              }
            },
            {
              "slicing_specs": [
                {}
              ],
              "threshold": {
                "change_threshold": {
                  "absolute": -0.4,
                  "direction": "HIGHER_IS_BETTER"
                }
              }
            }
          ]
        },
        {
          "class_name": "AUCPrecisionRecall"
        },
        {
          "class_name": "BinaryAccuracy"
        },
        {
          "class_name": "BinaryCrossEntropy"
        },
        {
          "class_name": "Calibration"
        },
        {
          "class_name": "ExampleCount"
        }
      ]
    }
  ],
  "model_specs": [
    {
      "label_key": "big_tipper_xf",
      "name": "candidate",
      "prediction_key": "probabilities",
      "preprocessing_function_names": [
        "transform_features"
      ],
      "signature_name": "serving_default"
    },
    {
      "is_baseline": true,
      "label_key": "big_tipper_xf",
      "name": "baseline",
      "prediction_key": "probabilities",
      "preprocessing_function_names": [
        "transform_features"
      ],
      "signature_name": "serving_default"
    }
  ],
  "options": {},
  "slicing_specs": [
    {},
    {
      "feature_keys": [
        "payment_type"
      ]
    },
    {
      "feature_keys": [
        "trip_start_hour"
      ]
    }
  ]
}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(11,'example_splits',1,NULL,NULL,'null',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(12,'push_destination',1,NULL,NULL,'{
  "filesystem": {
    "base_directory": "@ROOT@/serving/taxi"
  }
}',NULL,NULL,NULL);
INSERT INTO "ExecutionProperty" VALUES(12,'custom_config',1,NULL,NULL,'null',NULL,NULL,NULL);
CREATE TABLE `MLMDEnv` (    `schema_version` INTEGER PRIMARY KEY  );
INSERT INTO "MLMDEnv" VALUES(10);
CREATE TABLE `ParentContext` (    `context_id` INT NOT NULL,    `parent_context_id` INT NOT NULL,  PRIMARY KEY (`context_id`, `parent_context_id`));
INSERT INTO "ParentContext" VALUES(2,1);
CREATE TABLE `ParentType` (    `type_id` INT NOT NULL,    `parent_type_id` INT NOT NULL,  PRIMARY KEY (`type_id`, `parent_type_id`));
INSERT INTO "ParentType" VALUES(17,1);
INSERT INTO "ParentType" VALUES(18,7);
INSERT INTO "ParentType" VALUES(19,4);
INSERT INTO "ParentType" VALUES(22,7);
INSERT INTO "ParentType" VALUES(25,6);
INSERT INTO "ParentType" VALUES(28,5);
INSERT INTO "ParentType" VALUES(29,2);
INSERT INTO "ParentType" VALUES(33,8);
INSERT INTO "ParentType" VALUES(37,9);
INSERT INTO "ParentType" VALUES(38,2);
CREATE TABLE `Type` (    `id` INTEGER PRIMARY KEY AUTOINCREMENT,    `name` VARCHAR(255) NOT NULL,    `version` VARCHAR(255),    `type_kind` TINYINT(1) NOT NULL,    `description` TEXT,    `input_type` TEXT,    `output_type` TEXT,    `external_id` VARCHAR(255) UNIQUE );
INSERT INTO "Type" VALUES(1,'mlmd.Dataset',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(2,'mlmd.Model',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(3,'mlmd.Metrics',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(4,'mlmd.Statistics',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(5,'mlmd.Train',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(6,'mlmd.Transform',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(7,'mlmd.Process',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(8,'mlmd.Evaluate',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(9,'mlmd.Deploy',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(10,'pipeline',NULL,2,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(11,'pipeline_run',NULL,2,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(12,'node',NULL,2,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(13,'custom_components.curated_schema.component.CuratedSchema',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(14,'execution_cache',NULL,2,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(15,'Schema',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(16,'custom_components.columnar_example_gen.component.ColumnarExampleGen',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(17,'Examples',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(18,'custom_components.statistics_gen.component.StatisticsGen',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(19,'ExampleStatistics',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(20,'tfx.components.example_validator.component.ExampleValidator',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(21,'ExampleAnomalies',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(22,'tfx.components.schema_gen.component.SchemaGen',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(23,'custom_components.data_gate.component.DataGate',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(24,'custom_components.DataGateReport',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(25,'custom_components.transform.component.Transform',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(26,'TransformCache',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(27,'TransformGraph',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(28,'tfx.components.trainer.component.Trainer',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(29,'Model',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(30,'ModelRun',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(31,'tfx.dsl.components.common.resolver.Resolver',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(32,'custom_components.infra_validator.component.InfraValidator',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(33,'custom_components.evaluator.component.Evaluator',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(34,'ModelEvaluation',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(35,'ModelBlessing',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(36,'InfraBlessing',NULL,1,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(37,'tfx.components.pusher.component.Pusher',NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "Type" VALUES(38,'PushedModel',NULL,1,NULL,NULL,NULL,NULL);
CREATE TABLE `TypeProperty` (    `type_id` INT NOT NULL,    `name` VARCHAR(255) NOT NULL,    `data_type` INT NULL,  PRIMARY KEY (`type_id`, `name`));
INSERT INTO "TypeProperty" VALUES(17,'version',1);
INSERT INTO "TypeProperty" VALUES(17,'split_names',3);
INSERT INTO "TypeProperty" VALUES(17,'span',1);
INSERT INTO "TypeProperty" VALUES(19,'split_names',3);
INSERT INTO "TypeProperty" VALUES(19,'span',1);
INSERT INTO "TypeProperty" VALUES(21,'span',1);
INSERT INTO "TypeProperty" VALUES(21,'split_names',3);
CREATE INDEX `idx_artifact_uri`  ON `Artifact`(`uri`);
CREATE INDEX `idx_artifact_create_time_since_epoch`  ON `Artifact`(`create_time_since_epoch`);
CREATE INDEX `idx_artifact_last_update_time_since_epoch`  ON `Artifact`(`last_update_time_since_epoch`);
CREATE INDEX `idx_event_execution_id`  ON `Event`(`execution_id`);
CREATE INDEX `idx_parentcontext_parent_context_id`  ON `ParentContext`(`parent_context_id`);
CREATE INDEX `idx_type_name`  ON `Type`(`name`);
CREATE INDEX `idx_execution_create_time_since_epoch`  ON `Execution`(`create_time_since_epoch`);
CREATE INDEX `idx_execution_last_update_time_since_epoch`  ON `Execution`(`last_update_time_since_epoch`);
CREATE INDEX `idx_context_create_time_since_epoch`  ON `Context`(`create_time_since_epoch`);
CREATE INDEX `idx_context_last_update_time_since_epoch`  ON `Context`(`last_update_time_since_epoch`);
CREATE INDEX `idx_eventpath_event_id`  ON `EventPath`(`event_id`);
CREATE INDEX `idx_artifact_property_int`  ON `ArtifactProperty`(`name`, `is_custom_property`, `int_value`)  WHERE `int_value` IS NOT NULL;
CREATE INDEX `idx_artifact_property_double`  ON `ArtifactProperty`(`name`, `is_custom_property`, `double_value`)  WHERE `double_value` IS NOT NULL;
CREATE INDEX `idx_artifact_property_string`  ON `ArtifactProperty`(`name`, `is_custom_property`, `string_value`)  WHERE `string_value` IS NOT NULL;
CREATE INDEX `idx_execution_property_int`  ON `ExecutionProperty`(`name`, `is_custom_property`, `int_value`)  WHERE `int_value` IS NOT NULL;
CREATE INDEX `idx_execution_property_double`  ON `ExecutionProperty`(`name`, `is_custom_property`, `double_value`)  WHERE `double_value` IS NOT NULL;
CREATE INDEX `idx_execution_property_string`  ON `ExecutionProperty`(`name`, `is_custom_property`, `string_value`)  WHERE `string_value` IS NOT NULL;
CREATE INDEX `idx_context_property_int`  ON `ContextProperty`(`name`, `is_custom_property`, `int_value`)  WHERE `int_value` IS NOT NULL;
CREATE INDEX `idx_context_property_double`  ON `ContextProperty`(`name`, `is_custom_property`, `double_value`)  WHERE `double_value` IS NOT NULL;
CREATE INDEX `idx_context_property_string`  ON `ContextProperty`(`name`, `is_custom_property`, `string_value`)  WHERE `string_value` IS NOT NULL;
CREATE INDEX `idx_type_external_id`  ON `Type`(`external_id`);
CREATE INDEX `idx_artifact_external_id`  ON `Artifact`(`external_id`);
CREATE INDEX `idx_execution_external_id`  ON `Execution`(`external_id`);
CREATE INDEX `idx_context_external_id`  ON `Context`(`external_id`);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('Type',38);
INSERT INTO "sqlite_sequence" VALUES('Context',25);
INSERT INTO "sqlite_sequence" VALUES('Execution',12);
INSERT INTO "sqlite_sequence" VALUES('Association',47);
INSERT INTO "sqlite_sequence" VALUES('Artifact',15);
INSERT INTO "sqlite_sequence" VALUES('Event',34);
INSERT INTO "sqlite_sequence" VALUES('Attribution',79);
COMMIT;
